/* SPDX-License-Identifier: MIT */
/*
 * completion.c - writes the completion for a shell. It copies a script of share/completion, and replaces the line with the mark
 * @TABLE@ by the table of commands.
 *
 * The build runs this program, so it uses no library. commands.c describes each argument by a word. For the words FILE, DIR, PID,
 * PROGRAM and BENCH, the script offers completions. It offers nothing for another word, such as N.
 *
 * usage: make-completion bash|zsh|fish SCRIPT >COMPLETION
 *
 * Exit status: 0 if all was written, 2 for wrong usage, or a file that can't be read or written.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

#define MARK "@TABLE@"
#define SUMMARY_OF_HELP "describe a command"

static bool runs_program(const struct command *command)
{
	return command->operand != NULL && strcmp(command->operand, "PROGRAM") == 0;
}

/* Prints a text up to its first semicolon or full stop. Puts a backslash before each of the characters in `special`. */
static void put_clause(const char *text, const char *special)
{
	for (; *text != '\0' && *text != ';' && !(text[0] == '.' && text[1] == ' '); text++) {
		if (strchr(special, *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

/*
 * Prints a text up to its first semicolon or full stop, for use between zsh's single quotes. At a single quote in the text, ends
 * the quoting and begins it again.
 */
static void put_zsh_clause(const char *text)
{
	for (; *text != '\0' && *text != ';' && !(text[0] == '.' && text[1] == ' '); text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			printf("%s%c", strchr("[]:\\", *text) != NULL ? "\\" : "", *text);
}

/* --- bash: a case for each command --- */

static void put_bash_options(const struct option_row *options)
{
	fputs("options='", stdout);
	for (const struct option_row *option = options; option->name != NULL; option++) {
		bool needs = option->argument != NULL && !option_is_optional(option);

		if (option_is_short(option))
			printf("-%c ", option->code);
		printf("--%s%s%s", option->name, needs ? "=" : "", option[1].name != NULL ? " " : "'");
	}
	fputs(" arguments='", stdout);
	for (const struct option_row *option = options; option->name != NULL; option++) {
		if (option->argument == NULL || option_is_optional(option))
			continue;
		if (option_is_short(option))
			printf(" -%c:%s", option->code, option->argument);
		printf(" --%s:%s", option->name, option->argument);
	}
	fputs("'", stdout);
}

static void put_bash(void)
{
	fputs("\tcommands='help", stdout);
	for (int i = 0; i < COMMANDS; i++)
		printf(" %s", commands[i].name);
	fputs("'\n\tcase ${1-} in\n\t'') ", stdout);
	put_bash_options(main_options);
	fputs(" operand=COMMAND ;;\n\thelp) operand=COMMAND commands=${commands#help } ;;\n", stdout);
	for (int i = 0; i < COMMANDS; i++) {
		printf("\t%s) ", commands[i].name);
		put_bash_options(commands[i].options);
		printf(" operand=%s ;;\n", commands[i].operand != NULL ? commands[i].operand : "''");
	}
	fputs("\tesac\n", stdout);
}

/* --- zsh: specifications for _arguments --- */

/* Prints what follows an option's name: its help and its argument. */
static void put_zsh_description(const struct option_row *option)
{
	fputs("'[", stdout);
	put_zsh_clause(option->help);
	putchar(']');
	if (option_is_optional(option))
		fputs(":: ", stdout);
	else if (option->argument != NULL)
		printf(":%s:_rseqkit_offer %s", option->argument, option->argument);
	fputs("'\n", stdout);
}

static void put_zsh_options(const struct option_row *options)
{
	for (const struct option_row *option = options; option->name != NULL; option++) {
		bool optional = option_is_optional(option);
		const char *letter_end = optional ? "-" : option->argument != NULL ? "+" : "";
		const char *name_end = optional ? "=-" : option->argument != NULL ? "=" : "";

		fputs("\t\t", stdout);
		if (option->argument != NULL && strcmp(option->argument, "PID") == 0) /* can be given several times */
			printf("'*'{-%c%s,--%s%s}", option->code, letter_end, option->name, name_end);
		else if (option_is_short(option))
			printf("'(-%c --%s)'{-%c%s,--%s%s}", option->code, option->name, option->code, letter_end, option->name,
			       name_end);
		else
			printf("--%s%s", option->name, name_end);
		put_zsh_description(option);
	}
}

static void put_zsh(void)
{
	fputs("\tnames=('help:" SUMMARY_OF_HELP "'\n", stdout);
	for (int i = 0; i < COMMANDS; i++) {
		printf("\t\t'%s:", commands[i].name);
		put_zsh_clause(commands[i].summary);
		fputs("'\n", stdout);
	}
	fputs("\t)\n\tcase ${1-} in\n\t('') arguments=(\n", stdout);
	put_zsh_options(main_options);
	fputs("\t\t'1:command:_rseqkit_offer COMMAND'\n\t) ;;\n", stdout);
	fputs("\t(help) names[1]=() arguments=('1:command:_rseqkit_offer COMMAND') ;;\n", stdout);
	for (int i = 0; i < COMMANDS; i++) {
		const char *operand = commands[i].operand;

		printf("\t(%s) arguments=(\n", commands[i].name);
		put_zsh_options(commands[i].options);
		if (runs_program(&commands[i]))
			fputs("\t\t'(-)1:PROGRAM:_rseqkit_offer PROGRAM'\n\t\t'*::ARGUMENT:_rseqkit_offer ARGUMENT'\n", stdout);
		else if (operand != NULL)
			printf("\t\t'*:%s:_rseqkit_offer %s'\n", operand, operand);
		printf("\t) %s;;\n", runs_program(&commands[i]) ? "stops=(-A '-*') " : "");
	}
	fputs("\tesac\n", stdout);
}

/* --- fish: a line for each option --- */

/* Prints the names of all options that need an argument. */
static void put_fish_takers(const struct option_row *options)
{
	for (const struct option_row *option = options; option->name != NULL; option++) {
		if (option->argument == NULL || option_is_optional(option))
			continue;
		if (option_is_short(option))
			printf(" -%c", option->code);
		printf(" --%s", option->name);
	}
}

/*
 * Prints the beginning of a line, with the condition under which fish offers the rest of the line. The condition is that the
 * user has typed the command already. If `command` is NULL, it is that the user has typed no command yet.
 */
static void put_fish_condition(const struct command *command)
{
	if (command == NULL) {
		fputs("complete -c rseqkit -n __rseqkit_in", stdout);
	} else if (runs_program(command)) {
		printf("complete -c rseqkit -n '__rseqkit_before_program %s", command->name);
		put_fish_takers(command->options);
		putchar('\'');
	} else {
		printf("complete -c rseqkit -n '__rseqkit_in %s'", command->name);
	}
}

/* Prints what fish offers for a kind of argument. */
static void put_fish_kind(const char *kind)
{
	if (strcmp(kind, "FILE") == 0)
		fputs(" -r -F", stdout);
	else if (strcmp(kind, "DIR") == 0)
		fputs(" -x -a '(__rseqkit_folders)'", stdout);
	else if (strcmp(kind, "PID") == 0)
		fputs(" -x -a '(__fish_complete_pids)'", stdout);
	else if (strcmp(kind, "BENCH") == 0)
		fputs(" -x -a '(__rseqkit_benches)'", stdout);
	else
		fputs(" -x", stdout);
}

static void put_fish_options(const struct command *command, const struct option_row *options)
{
	for (const struct option_row *option = options; option->name != NULL; option++) {
		put_fish_condition(command);
		if (option_is_short(option))
			printf(" -s %c", option->code);
		printf(" -l %s", option->name);
		if (option->argument != NULL && !option_is_optional(option))
			put_fish_kind(option->argument);
		fputs(" -d '", stdout);
		put_clause(option->help, "'\\");
		fputs("'\n", stdout);
	}
}

/* Prints lines by which fish offers the names of all commands under a condition. */
static void put_fish_commands(const char *condition)
{
	for (int i = 0; i < COMMANDS; i++) {
		printf("complete -c rseqkit -n %s -a %s -d '", condition, commands[i].name);
		put_clause(commands[i].summary, "'\\");
		fputs("'\n", stdout);
	}
}

static void put_fish(void)
{
	put_fish_options(NULL, main_options);
	put_fish_commands("__rseqkit_in");
	fputs("complete -c rseqkit -n __rseqkit_in -a help -d '" SUMMARY_OF_HELP "'\n", stdout);
	put_fish_commands("'__rseqkit_in help'");
	for (int i = 0; i < COMMANDS; i++) {
		put_fish_options(&commands[i], commands[i].options);
		if (runs_program(&commands[i])) {
			printf("complete -c rseqkit -n '__rseqkit_in %s' -x -a '(__rseqkit_program", commands[i].name);
			put_fish_takers(commands[i].options);
			fputs(")'\n", stdout);
		} else if (commands[i].operand != NULL) {
			printf("complete -c rseqkit -n '__rseqkit_in %s'", commands[i].name);
			put_fish_kind(commands[i].operand);
			putchar('\n');
		}
	}
}

int main(int argc, char **argv)
{
	void (*put)(void) = argc != 3		       ? NULL :
			    strcmp(argv[1], "bash") == 0 ? put_bash :
			    strcmp(argv[1], "zsh") == 0  ? put_zsh :
			    strcmp(argv[1], "fish") == 0 ? put_fish :
							   NULL;
	FILE *script = put != NULL ? fopen(argv[2], "r") : NULL;
	char line[256];
	int marks = 0;
	bool good;

	if (script == NULL) {
		fputs("usage: make-completion bash|zsh|fish SCRIPT >COMPLETION\n", stderr);
		return EXIT_USAGE;
	}
	while (fgets(line, sizeof(line), script) != NULL) {
		if (strstr(line, MARK) == NULL) {
			fputs(line, stdout);
		} else {
			put();
			marks++;
		}
	}
	good = marks == 1 && !ferror(script) && fflush(stdout) == 0 && !ferror(stdout);
	fclose(script);
	return good ? EXIT_CLEAN : EXIT_USAGE;
}
