/* SPDX-License-Identifier: MIT */
/* finding.c - adds a finding to the list of findings of `rseqkit doctor`. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_add(struct doctor_findings *findings, enum severity severity, const char *id, const char *advice,
		const char *format, ...)
{
	struct doctor_finding *finding = &findings->list[findings->count];
	va_list arguments;

	if (findings->count == DOCTOR_FINDINGS_MAX)
		return;
	finding->id = id;
	finding->severity = severity;
	finding->advice = advice;
	va_start(arguments, format);
	vsnprintf(finding->message, sizeof(finding->message), format, arguments);
	va_end(arguments);
	findings->count++;
}
