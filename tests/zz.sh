apt-get update >/dev/null 2>&1; apt-get install -y --no-install-recommends clang-23 binutils procps >/dev/null 2>&1
for c in gcc clang-23; do
CC=$c meson setup build/sid-$c -Dtests=true >/tmp/setup.log 2>&1 || tail -5 /tmp/setup.log
ninja -C build/sid-$c >/tmp/build.log 2>&1 || tail -3 /tmp/build.log
echo "== $c"
meson test -C build/sid-$c --no-rebuild --suite unit --suite coexist --suite extension --suite hazards --print-errorlogs --num-processes 2 2>&1 | grep -E "FAIL|TIMEOUT|ERROR|^Ok|^Fail|^Skip|not ok" | head -60
done
