# SPDX-License-Identifier: MIT
# common.sh - functions that the tests of installed trees share. Source it in the root of the tree, after tap.sh. All files are
# below the folder $work, which is removed at the end.
work=$(mktemp -d)
chmod 755 "$work"
trap 'chmod -R u+w "$work"; rm -rf "$work" "$tap_log"' EXIT

# Copies those files of the tree that a release would have.
copy_tree() { # FOLDER
	mkdir -p "$1"
	if git ls-files --error-unmatch meson.build >/dev/null 2>&1; then # and not another tree around this one
		git ls-files -z --cached --others --exclude-standard
	else
		find . -path ./build -prune -o ! -type d -print0
	fi | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory "$1"
}

# Prints the README's program.
readme_program() {
	sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d'
}

# Builds the library, without optimisation to save time, and installs it in a staging folder.
install_library() { # FOLDER OPTIONS...
	folder=$1
	shift
	meson setup "$folder/build" --prefix /opt/rseqkit --libdir lib --buildtype debug -Dtool=none "$@" && ninja -C "$folder/build" &&
		DESTDIR=$folder/stage meson install -C "$folder/build" --no-rebuild --quiet
}

# Runs pkg-config for a staged tree.
pkg() { # FOLDER OPTIONS...
	staged=$1/stage/opt/rseqkit/lib/pkgconfig
	shift
	PKG_CONFIG_LIBDIR=$staged pkg-config --define-prefix "$@" librseqkit
}

counts_right() { # PROGRAM
	LD_LIBRARY_PATH=${libraries:-} "$1" | tee "$work/out" && grep -q '^4000000 events' "$work/out"
}
