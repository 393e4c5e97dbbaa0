# SPDX-License-Identifier: MIT
# python.sh - avoids slow wrappers of Python. Source it, and call `find_python FOLDER`.
#
# On some machines python3 is a script that looks for the version to run. That takes ten times longer than Python's own start, and
# tests start Python very often.

# Makes a folder with a link to the real python3, and puts the folder in front of PATH.
find_python() { # FOLDER
	mkdir -p "$1" && ln -sf "$(python3 -c 'import sys; print(sys.executable)')" "$1/python3" && export PATH="$1:$PATH"
}
