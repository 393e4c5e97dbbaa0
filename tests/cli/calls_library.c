/* SPDX-License-Identifier: MIT */
/* calls_library.c - a program whose work is done by a library. */
int library_main(int argc, char **argv);

int main(int argc, char **argv)
{
	return library_main(argc, argv);
}
