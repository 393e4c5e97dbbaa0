/* SPDX-License-Identifier: MIT */
/* top_screen.c - draws the table of `rseqkit top` on the terminal, and reads keys, see top.h. Signal handlers only set flags. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "top.h"

static struct termios before;
static bool has_before, is_open;
static volatile sig_atomic_t resized, suspended, continued;

static void note_signal(int signal)
{
	resized |= signal == SIGWINCH;
	suspended |= signal == SIGTSTP;
	continued |= signal == SIGCONT;
}

static void restore(void)
{
	if (!is_open)
		return;
	is_open = false;
	/* Switches colours off, shows the cursor, and leaves the alternate screen. */
	fputs("\033[0m\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void take(void)
{
	struct termios now = before;

	/* Keys arrive at once and aren't shown. Ctrl-C and Ctrl-Z remain signals. */
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	now.c_cc[VMIN] = 0;
	now.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
	fputs("\033[?1049h\033[?25l", stdout);
	is_open = true;
}

bool top_screen_open(void)
{
	static const int signals[] = {SIGWINCH, SIGTSTP, SIGCONT};
	const char *terminal = getenv("TERM");
	struct sigaction action = {.sa_handler = note_signal}, old;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) || (terminal != NULL && strcmp(terminal, "dumb") == 0) ||
	    tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	if (!has_before)
		atexit(restore);
	has_before = true;
	/* A shell without job control ignores SIGTSTP. Then this program ignores SIGTSTP, too. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	take();
	return true;
}

void top_screen_close(void)
{
	restore();
}

/* Gives the terminal its former state, and stops this program. Goes on after SIGCONT. */
static void suspend(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL}, old;

	restore();
	sigaction(SIGTSTP, &action, &old);
	(void)raise(SIGTSTP);
	sigaction(SIGTSTP, &old, NULL);
	suspended = 0;
	continued = 1;
}

static enum top_request handle_key(struct top *top, char key)
{
	static const char views[] = "isptc"; /* in the order of enum tally_view */
	const char *view = key != '\0' ? strchr(views, key) : NULL;

	if (view != NULL) {
		top->view = (enum tally_view)(view - views);
		return TOP_RESORT;
	}
	switch (key) {
	case 'r':
	case 'a':
		top->by_total = key == 'a';
		return TOP_RESORT;
	case ' ':
		top->paused = !top->paused;
		return TOP_REDRAW;
	case 'q':
		return TOP_QUIT;
	default:
		return TOP_NOTHING;
	}
}

enum top_request top_screen_keys(struct top *top)
{
	struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
	enum top_request request = TOP_NOTHING;
	char keys[64];
	ssize_t n = 0;

	if (suspended)
		suspend();
	if (continued && is_open)
		restore(); /* after SIGSTOP and SIGCONT: a shell may have changed the terminal meanwhile */
	if (continued)
		take();
	if (continued || resized)
		request = TOP_REDRAW;
	continued = resized = 0;
	if (poll(&poller, 1, 0) > 0) {
		n = read(STDIN_FILENO, keys, sizeof(keys));
		if (n <= 0)
			return TOP_QUIT; /* the terminal was closed */
	}
	for (ssize_t i = 0; i < n; i++) {
		enum top_request wanted;

		/* An escape sequence, such as that of an arrow key, isn't a list of keys. */
		if (keys[i] == '\033')
			break;
		wanted = handle_key(top, keys[i]);
		request = wanted > request ? wanted : request;
	}
	return request;
}

/* Prints one line at a row of the terminal, cut to the terminal's width. */
static void put_line(unsigned row, size_t columns, const char *text)
{
	printf("\033[%u;1H\033[K%.*s", row, (int)columns, text);
}

void top_screen_draw(struct tracer *tracer, const struct top *top)
{
	struct winsize size = {.ws_col = 0};
	size_t columns = 80;
	unsigned lines = 24, row = 1;
	char text[1024];

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		columns = size.ws_col;
		lines = size.ws_row;
	}
	top_format_title(tracer, top, text, sizeof(text));
	put_line(row++, columns, text);
	top_format_header(top, columns, text, sizeof(text));
	fputs("\033[7m", stdout);
	put_line(row++, columns, text);
	fputs("\033[0m", stdout);
	for (uint32_t i = 0; i < top->count && row < lines; i++) {
		top_format(tracer, top, i, columns, text, sizeof(text));
		put_line(row++, columns, text);
	}
	fputs("\033[J", stdout);
	if (lines > 3)
		put_line(lines, columns, "q quit  space pause  r rate a all  i instructions s sections p processes t threads c CPUs");
	tracer->output_failed |= fflush(stdout) != 0;
}
