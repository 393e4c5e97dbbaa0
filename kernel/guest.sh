# SPDX-License-Identifier: MIT
# guest.sh - boots kernels of the series under QEMU: source it, with $work a folder for what is made.

# What a guest needs and isn't installed, or nothing.
guest_lacks() {
	for tool in qemu-system-x86_64 cpio gcc; do
		command -v "$tool" >/dev/null || echo "$tool is not installed"
	done
}

# An initramfs whose first process runs that program.
guest_pack() { # PROGRAM
	rm -rf "$work/root" && mkdir "$work/root" &&
		gcc -O2 -Wall -static "$(dirname "${BASH_SOURCE[0]}")/guest.c" -o "$work/root/init" &&
		cp "$1" "$work/root/test" && (cd "$work/root" && find . | cpio -o -H newc --quiet >"$work/initramfs")
}

# Options for guest_boot: two nodes, with a CPU and half of the memory each.
# shellcheck disable=SC2034
guest_nodes=(-accel tcg,thread=multi)
for node in 0 1; do
	guest_nodes+=(-object "memory-backend-ram,id=node$node,size=256M" -numa "node,cpus=$node,memdev=node$node")
done

# Boots once. What the guest says goes to work/console.
guest_boot() { # IMAGE SECONDS CPUS 'ARGUMENTS OF THE KERNEL' [OPTION OF QEMU...]
	local image=$1 seconds=$2 cpus=$3 arguments=$4
	shift 4
	[ $# -gt 0 ] || set -- -accel tcg,thread=multi
	timeout "$seconds" qemu-system-x86_64 -M q35 "$@" -cpu max,-cx16 -smp "$cpus" -m 512 -nodefaults -no-user-config \
		-display none -serial stdio -no-reboot -kernel "$image" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 quiet $arguments" </dev/null 2>&1 | tr -d '\r' >"$work/console"
}
