/* SPDX-License-Identifier: MIT */
/* judge.c - applies the rules to each critical section of an ELF file, and reports the findings. */
#include "judge.h"

#include <stdlib.h>

#include "lint_report.h"
#include "tool.h"

/* Checks one section and reports it. Returns false if memory is short. */
static bool check_section(struct check *check, const struct descriptor *descriptor, struct report *report)
{
	struct section *section = (struct section *)calloc(1, sizeof(*section));
	struct findings findings = {NULL, 0, false};
	struct flow flow = check->flow;
	bool done = section != NULL;

	if (!done)
		return false;
	section_begin(section, check->image, descriptor);
	rules_descriptor(check, section, &findings);
	if (section->fault == SECTION_RIGHT) {
		done = section_decode(section, check->image, &check->found, check->decoder);
		if (done) {
			rules_instructions(check, section, &findings);
			rules_arming(check, section, &findings);
			flow.has_area = section->arming.found;
			flow.area = section->arming.area;
			done = section_follow(section, &flow);
		}
		if (done) {
			rules_stores(check, section, &findings);
			rules_index(check, section, &findings);
			rules_paths(check, section, &findings);
			rules_abort(check, section, &findings);
		}
	}
	report_section(report, check, section, &findings);
	done &= !findings.short_of_memory;
	section_forget(section);
	free(section);
	free(findings.list);
	return done;
}

/* Fills in everything in `check` that the rules need. Returns false if memory is short. */
static bool prepare(struct check *check)
{
	check->addresses = (uint64_t *)calloc(check->found.count, sizeof(uint64_t));
	if (check->addresses == NULL)
		return false;
	for (size_t i = 0; i < check->found.count; i++)
		check->addresses[i] = check->found.descriptors[i].address;
	check->flow = (struct flow){
		.image = check->image, .descriptors = check->addresses, .descriptor_count = check->found.count};
	return starts_begin(&check->starts, &check->found) &&
	       listings_begin(&check->listings, check->image, check->decoder, &check->found) && scan_code(check);
}

int check_image(struct image *image, int fd, struct report *report)
{
	struct check check = {.image = image};
	bool done = find_sections(image, &check.found);

	report_begin(report);
	if (done && check.found.count > 0) {
		image_read_symbols(image);
		check.decoder = decoder_open(image->arch);
		check.lines = lines_open(image, fd);
		done = check.decoder != NULL && prepare(&check);
		for (size_t i = 0; done && i < check.found.count; i++)
			done = check_section(&check, &check.found.descriptors[i], report);
	}
	report_end(report, &check);
	lines_close(check.lines);
	listings_end(&check.listings);
	decoder_close(check.decoder);
	forget_sections(&check.found);
	starts_end(&check.starts);
	free(check.addresses);
	free(check.ranges);
	free(check.armed);
	free(check.entries);
	if (!done) {
		complain("%s: out of memory", report->name);
		return EXIT_USAGE;
	}
	return report->errors > 0 ? EXIT_FINDINGS : EXIT_CLEAN;
}
