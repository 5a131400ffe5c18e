#!/bin/sh
# A handler in the shell: a path on stdin, the SHA-256 of that file on stdout. One process per message.
IFS= read -r path || [ -n "$path" ] || exit 2
[ -f "$path" ] || { echo "no such file: $path" >&2; exit 1; }

if command -v sha256sum >/dev/null 2>&1; then sha256sum < "$path"
elif command -v shasum >/dev/null 2>&1; then shasum -a 256 < "$path"
else openssl dgst -sha256 -r < "$path"
fi | cut -c 1-64
