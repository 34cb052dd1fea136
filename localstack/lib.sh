# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.
#
# A broker is one file brokers/<name>.sh, a peer one file peers/<name>.sh (each with a folder
# of the same name for its data). Adding one is adding such a file. It is sourced in a
# subshell and may define:
#   tools              array of command:debian-package pairs that it needs
#   pins               array of files in its folder that decide what is installed
#   install_unit DIR   installs into the empty folder DIR
# a broker besides:
#   port, port_variable   the port on 127.0.0.1, and the variable that changes it; a broker that
#                         needs more takes those after it
#   command_line DIR STATE   sets the array argv: a program that stays in the foreground;
#                            DIR is the installation, STATE its working folder, empty unless
#                            TRACEHOP_KEEP_STATE=1 starts it again with what it had
#   ready              succeeds as soon as the broker serves requests
#   variables          prints NAME=value lines for the tests
# and a peer:
#   check DIR          runs its checks against the brokers and the programs in the folder
#                      $examples, and prints one line "ok ..." or "FAILED ..." each; a table in
#                      Markdown is shown once more at the end, as one with those of other peers
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
installed="$root/target/brokers/installed"
running="$root/target/brokers/running"

# shellcheck source=versions
source "$here/versions"

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Names of the units of one kind (brokers or peers), sorted.
units() {
  local file
  for file in "$here/$1"/*.sh; do basename "$file" .sh; done
}

brokers_or_all() {
  local name
  for name in "$@"; do
    [[ -f "$here/brokers/$name.sh" ]] ||
      die "no broker is called $name; there are: $(units brokers | xargs)"
  done
  if (($#)); then printf '%s\n' "$@"; else units brokers; fi
}

# Sources a unit; call it in a subshell only.
load() {
  tools=() pins=()
  # shellcheck source=/dev/null
  source "$here/$1/$2.sh"
}

# Where the running broker that was loaded last keeps pid, log and data. The port is in the
# name: with another port a second instance runs beside the first, for a test that kills it.
state_of() { say "$running/$1-$port"; }

# LocalStack's pins are for Python 3.11. A shim of that name may stand for a version that is
# not there, and Debian's interpreter has no venv without a package of its own: so try it.
python311() {
  local candidate
  for candidate in python3.11 /usr/bin/python3.11 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      say "$candidate"
      return
    fi
  done
  return 1
}

# new_venv DIR PIP-ARGUMENTS...
new_venv() {
  local dir=$1 uv
  shift
  uv=$(fast_installer)
  "$uv" venv --quiet --python "$(python311)" "$dir"
  "$uv" pip install --quiet --python "$dir/bin/python" "$@"
}

# Prints where uv is: it does in seconds of a processor what takes pip a minute. A program of its
# own, which needs none of the environment that pip puts it into.
fast_installer() {
  local program=$installed/uv-$UV_VERSION scratch
  if [[ ! -x $program ]]; then
    scratch=$(mktemp -d "$installed/uv.XXXXXX")
    "$(python311)" -m venv "$scratch"
    "$scratch/bin/pip" install --quiet --disable-pip-version-check --no-compile "uv==$UV_VERSION"
    mv "$scratch/bin/uv" "$program"
    rm -rf "$scratch"
  fi
  say "$program"
}

# State and start time of a process, as Linux shows them: fields 3 and 22 of its stat line.
# The command in field 2 may hold blanks, so counting starts behind its closing bracket.
process_facts() {
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # split into fields
  set -- ${line##*) }
  say "$1 ${20}"
}

# A pid alone may belong to another program by now; with its start time it cannot. A zombie
# is gone: nobody may be there to reap it.
alive() {
  local pid started facts
  read -r pid started 2>/dev/null <"$1/pid" || return 1
  facts=$(process_facts "$pid") || return 1
  [[ $facts != Z* && ${facts#* } == "$started" ]]
}

# The folders of all running instances.
running_instances() {
  local state
  for state in "$running"/*/; do
    if alive "$state"; then say "${state%/}"; fi
  done
}

# Ends one instance by its recorded pid and waits until it is gone, so that its port is free.
stop_instance() {
  local state=$1 pid
  if ! alive "$state"; then
    rm -f "$state/pid"
    return 1
  fi
  read -r pid _ <"$state/pid"
  kill -TERM "$pid" 2>/dev/null || true
  if ! wait_until 30 gone "$state"; then
    say "$(basename "$state") ignored SIGTERM for 30 s: killed" >&2
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 gone "$state" || die "process $pid does not end"
  fi
  rm -f "$state/pid"
}

gone() { ! alive "$1"; }

wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}
