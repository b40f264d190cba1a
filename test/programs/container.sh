# The first process of a container, as an engine would set it up: a root that is read-only, without a folder for temporary
# files; one folder to write to; secrets that are mounted read-only; a user that no file knows; one interface.
# Takes the folder with everything, node, the program that is to run and its arguments; the environment is passed on.
set -eu
folder=$1 node=$2
shift 2
echo namespaces
read -r _ # the interface is here

root=$folder/root
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
bind() { # FROM TO MODE
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root$(dirname "$2")" && touch "$root$2"; fi
  mount --bind "$1" "$root$2"
  mount -o "remount,bind,$3" "$root$2"
}
for name in bin sbin lib lib64; do
  if [ -L /$name ]; then cp -P /$name "$root/$name"; elif [ -d /$name ]; then bind /$name /$name ro; fi
done
bind /usr /usr ro
bind "$node" /opt/node ro
bind "$folder/prefix" /opt/waypost ro
bind "$folder/mounted" /mounted ro
bind "$folder/secrets" /run/secrets rw
bind "$folder/data" /var/lib/waypost rw
for device in null urandom; do bind /dev/$device /dev/$device rw; done
mkdir -p "$root/proc" "$root/etc/ssl/certs"
mount -t proc proc "$root/proc"
echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
mount -o remount,ro "$root"

ip link set lo up
if [ -n "${ADDRESS:-}" ]; then
  ip addr add "$ADDRESS/24" dev eth0
  ip link set eth0 up
  ip route add default via "$GATEWAY"
fi
if [ -n "${SILENT:-}" ]; then exec >&-; fi
unset ADDRESS GATEWAY SILENT
exec chroot "$root" /usr/bin/setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
