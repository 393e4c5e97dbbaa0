/* SPDX-License-Identifier: MIT */
/* doctor_json.c - prints facts and findings of `rseqkit doctor` as JSON (share/schema/doctor.json). */
#include "doctor.h"

#include "common/json.h"

/* Adds an answer: true, false, or null if it is unknown. */
static void put_answer(json_object *object, const char *key, enum answer answer)
{
	json_put(object, key, answer == ANSWER_UNKNOWN ? NULL : json_object_new_boolean(answer == ANSWER_YES));
}

static json_object *libc_object(const struct doctor_facts *facts)
{
	json_object *libc = json_new();

	json_put_string(libc, "name", facts->libc_name);
	json_put_string(libc, "version", facts->libc_version);
	json_put(libc, "registers", json_object_new_boolean(facts->process.libc_registers));
	json_put(libc, "area", json_object_new_boolean(facts->process.libc_area));
	return libc;
}

static json_object *findings_array(const struct doctor_findings *findings)
{
	json_object *array = json_new_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct doctor_finding *finding = &findings->list[i];
		json_object *object = json_new();

		json_put_string(object, "id", finding->id);
		json_put_string(object, "severity", doctor_severity_name(finding->severity));
		json_put_string(object, "message", finding->message);
		json_put_string(object, "advice", finding->advice);
		json_add(array, object);
	}
	return array;
}

/* Adds what the kernel does to threads with one form of registration. */
static void put_behaviour(json_object *object, const struct doctor_behaviour *behaviour)
{
	json_object *aborts = json_new();

	for (int event = 0; event < EVENTS; event++)
		put_answer(aborts, doctor_event_name((enum doctor_event)event), behaviour->aborts[event]);
	put_answer(object, "ids_rewritten", behaviour->ids_rewritten);
	put_answer(object, "ids_guarded", behaviour->ids_guarded);
	json_put(object, "aborts", aborts);
}

static json_object *full_size_object(const struct doctor_facts *facts)
{
	json_object *full = json_new();

	put_answer(full, "accepted", facts->full_accepted);
	put_answer(full, "optimised", facts->optimised);
	put_answer(full, "slice_extension", facts->full.slice.enabled);
	put_behaviour(full, &facts->full);
	return full;
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static json_object *neighbours_object(const struct doctor_facts *facts)
{
	json_object *neighbours = json_new();

	json_put_string(neighbours, "early", or_null(facts->neighbours.early));
	json_put_string(neighbours, "hidden", or_null(facts->neighbours.hidden));
	json_put_string(neighbours, "librseq", or_null(facts->neighbours.librseq));
	return neighbours;
}

/* Makes the object for KTLS. Size and alignment are null if the kernel hasn't returned them. */
static json_object *ktls_object(const struct doctor_facts *facts)
{
	json_object *ktls = json_new();
	bool known = facts->ktls == ANSWER_YES;

	put_answer(ktls, "available", facts->ktls);
	json_put(ktls, "size", known ? json_object_new_int64(facts->ktls_layout.size) : NULL);
	json_put(ktls, "alignment", known ? json_object_new_int64(facts->ktls_layout.alignment) : NULL);
	return ktls;
}

static json_object *kernel_object(const struct doctor_facts *facts)
{
	json_object *kernel = json_new(), *slice = json_new();

	json_put_string(kernel, "release", or_null(facts->kernel.release));
	json_put_string(kernel, "machine", or_null(facts->kernel.machine));
	put_behaviour(kernel, &facts->present);
	put_answer(slice, "known", facts->full.slice.known);
	put_answer(slice, "enabled", facts->full.slice.enabled);
	put_answer(slice, "granted", facts->full.slice.granted);
	json_put(kernel, "slice_extension", slice);
	json_put(kernel, "ktls", ktls_object(facts));
	return kernel;
}

void doctor_print_json(const struct doctor_facts *facts, const struct doctor_findings *findings)
{
	json_object *object = json_new(), *membarrier = json_new();

	put_answer(membarrier, "rseq", facts->membarrier);
	put_answer(membarrier, "rseq_one_cpu", facts->membarrier_cpu);
	json_put_string(object, "schema", "rseqkit.doctor/1");
	json_put(object, "rseq", json_object_new_boolean(facts->cause == CAUSE_NONE));
	json_put_string(object, "mode", doctor_mode_name(facts->mode));
	json_put(object, "feature_size",
		 doctor_size_known(facts) ? json_object_new_int64(facts->process.feature_size) : NULL);
	json_put(object, "alignment", doctor_size_known(facts) ? json_object_new_int64(facts->process.alignment) : NULL);
	json_put(object, "announced", json_object_new_boolean(facts->announced));
	json_put_string(object, "owner", rk_owner_name(facts->owner));
	json_put_string(object, "fresh_owner", or_null(facts->fresh_owner));
	json_put_string(object, "reason", doctor_cause_name(facts->cause));
	json_put(object, "length", facts->process.length != 0 ? json_object_new_int64(facts->process.length) : NULL);
	json_put_number(object, "valid", facts->process.valid);
	put_answer(object, "mm_cid", facts->mm_cid);
	put_answer(object, "node_id", facts->node_id);
	put_answer(object, "slice_extension", facts->present.slice.enabled);
	json_put_string(object, "slice_extension_here", rk_slice_reason_text(facts->slice_reason));
	json_put(object, "full_size", full_size_object(facts));
	json_put(object, "kernel", kernel_object(facts));
	json_put(object, "membarrier", membarrier);
	json_put(object, "libc", libc_object(facts));
	json_put(object, "neighbours", neighbours_object(facts));
	json_put(object, "seccomp", facts->seccomp < 0 ? NULL : json_object_new_int(facts->seccomp));
	json_put(object, "possible_cpus", facts->cpus_listed ? json_object_new_int(facts->possible_cpus) : NULL);
	json_put(object, "highest_cpu", facts->cpus_listed ? json_object_new_int(facts->highest_cpu) : NULL);
	json_put_string(object, "cpu_list", or_null(facts->cpu_list));
	json_put(object, "proc", json_object_new_boolean(facts->has_proc));
	json_put(object, "findings", findings_array(findings));
	json_print(object);
}
