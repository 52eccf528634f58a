#!/usr/bin/env bash
# slurm-sandbox.sh - a throw-away, real SLURM cluster on one machine, for tests.
#
# One slurmctld, N slurmd (virtual nodes on different ports of 127.0.0.1), a
# private munged, and (optionally) slurmdbd + MariaDB for accounting.  Nothing
# under /etc or /var/lib is read or written: every file lives in one directory,
# and every daemon listens on loopback only.  Needs root and Debian 12.
#
#   slurm-sandbox.sh install            apt-get the packages (no daemon is started)
#   slurm-sandbox.sh start              start (or keep) the cluster, wait until idle
#   slurm-sandbox.sh env                print 'export SLURM_CONF=...' for eval
#   slurm-sandbox.sh exec CMD...        run CMD with that environment
#   slurm-sandbox.sh status             sinfo, running daemons
#   slurm-sandbox.sh fail-node NODE     kill one slurmd and its steps (power loss)
#   slurm-sandbox.sh heal-node NODE     bring it back
#   slurm-sandbox.sh stop               end exactly the processes started here, remove the directory
#
# Settings (environment):
#   SLURM_SANDBOX_DIR       /tmp/slurm-sandbox  where everything lives
#   SLURM_SANDBOX_NODES     3      number of virtual nodes
#   SLURM_SANDBOX_CPUS      4      CPUs each node claims (may exceed the real ones)
#   SLURM_SANDBOX_MEM_MB    8000   memory each node claims
#   SLURM_SANDBOX_GPUS      2      fake GPUs per node on the gpu nodes (0 = none)
#   SLURM_SANDBOX_GPU_NODES 2      how many of the nodes have GPUs
#   SLURM_SANDBOX_GPU_TYPE  a100   their gres type
#   SLURM_SANDBOX_ACCT      0      1 = slurmdbd + MariaDB, so that sacct works. slurmdbd can
#                                  only listen on every address, so the cluster then runs in
#                                  a network namespace of its own: use it through 'exec'
#   SLURM_SANDBOX_PORT      17000  base port
#   SLURM_SANDBOX_NODE_TIMEOUT 10  SlurmdTimeout; a dead node is DOWN after 20 to 30 s
set -euo pipefail

DIR=${SLURM_SANDBOX_DIR:-/tmp/slurm-sandbox}
NODES=${SLURM_SANDBOX_NODES:-3}
CPUS=${SLURM_SANDBOX_CPUS:-4}
MEM=${SLURM_SANDBOX_MEM_MB:-8000}
GPUS=${SLURM_SANDBOX_GPUS:-2}
GPU_NODES=${SLURM_SANDBOX_GPU_NODES:-2}
GPU_TYPE=${SLURM_SANDBOX_GPU_TYPE:-a100}
ACCT=${SLURM_SANDBOX_ACCT:-0}
PORT=${SLURM_SANDBOX_PORT:-17000}
NODE_TIMEOUT=${SLURM_SANDBOX_NODE_TIMEOUT:-10}

say() { printf 'slurm-sandbox: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "must run as root"; }

# A pid file counts only if the process behind it was started with this directory.
alive() { # NAME
    local f="$DIR/run/$1.pid" pid
    [ -s "$f" ] || return 1
    pid=$(cat "$f")
    [ -d "/proc/$pid" ] && tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qxF "SLURM_SANDBOX_DIR=$DIR"
}

# Start a daemon that stays in the foreground, remember its pid.
spawn() { # NAME CMD...
    local name=$1; shift
    if alive "$name"; then return 0; fi
    # setsid: the daemon survives this script, and gets no terminal signals.
    # nsenter and setsid end in an exec, so the pid is the daemon's.
    SLURM_SANDBOX_DIR="$DIR" SLURM_CONF="$DIR/etc/slurm.conf" \
        setsid "${NS[@]}" "$@" </dev/null >"$DIR/log/$name.out" 2>&1 &
    echo $! >"$DIR/run/$name.pid"
}

# SLURM binds to, and talks to, what the machine's host name resolves to. So the daemons
# live in a UTS namespace whose host name is "localhost"; with accounting in a network
# namespace, too. NS is the prefix that runs a command in there.
NS=()
HOST=$(hostname -s)
enter_namespace() {
    alive ns || return 0
    NS=(nsenter -t "$(cat "$DIR/run/ns.pid")" -u); HOST=localhost
    [ ! -e "$DIR/run/ns.net" ] || NS+=(-n)
    NS+=(--)
}
start_namespace() {
    if alive ns; then enter_namespace; return 0; fi
    rm -f "$DIR"/run/ns.up "$DIR"/run/ns.net
    local net=() up=:
    if [ "$ACCT" != 0 ]; then
        # one interface beside lo, or getaddrinfo (AI_ADDRCONFIG) finds no address for any name
        net=(--net)
        up="ip link set lo up &&
            { ip link add sandbox0 type dummy 2>/dev/null || ip link add sandbox0 type veth peer name sandbox1; } &&
            ip addr add 192.0.2.1/32 dev sandbox0 && ip link set sandbox0 up && : >$DIR/run/ns.net"
    elif ! unshare --uts true 2>/dev/null; then
        getent ahostsv4 "$HOST" | grep -q '^127\.' ||
            die "may not unshare here, and $HOST is not a name of 127.0.0.1: echo 127.0.0.1 $HOST >>/etc/hosts"
        return 0
    fi
    spawn ns unshare --uts "${net[@]}" sh -c "hostname localhost && $up && : >$DIR/run/ns.up && exec sleep infinity"
    wait_for 10 "the namespace" test -e "$DIR/run/ns.up"
    enter_namespace
}

wait_for() { # SECONDS WHAT CMD...
    local n=$(( $1 * 10 )) what=$2; shift 2
    while ! "$@" >/dev/null 2>&1; do
        n=$((n - 1))
        [ "$n" -gt 0 ] || { say "log tails:"; tail -n 15 "$DIR"/log/*.log "$DIR"/log/*.out >&2 || true; die "timed out waiting for $what"; }
        sleep 0.1
    done
}

kill_pid_tree() { # PID SIGNAL: the process and everything below it
    local child
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null || true); do kill_pid_tree "$child" "$2"; done
    kill "-$2" "$1" 2>/dev/null || true
}

end() { # NAME: TERM, then KILL after 5 s
    local f="$DIR/run/$1.pid" pid n=50
    if alive "$1"; then
        pid=$(cat "$f"); kill -TERM "$pid" 2>/dev/null || true
        while [ -d "/proc/$pid" ] && [ $n -gt 0 ]; do sleep 0.1; n=$((n - 1)); done
        [ -d "/proc/$pid" ] && kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$f"
}

cmd_install() {
    need_root
    local pkgs=(slurm-client slurmctld slurmd slurm-wlm-basic-plugins munge iproute2)
    [ "$ACCT" = 0 ] || pkgs+=(slurmdbd slurm-wlm-mysql-plugin mariadb-server-core mariadb-client-core)
    local missing=() p
    for p in "${pkgs[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
    done
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    say "installing ${missing[*]}"
    # keep the packages' own services off, whatever init there is
    local policy=/usr/sbin/policy-rc.d made=0
    if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; made=1; fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    [ $made = 0 ] || rm -f $policy
}

node_names() { local i; for ((i = 1; i <= NODES; i++)); do echo "n$i"; done; }

write_config() {
    # snakemake-executor-plugin-slurm-jobstep takes every SLURM_* variable, SLURM_CONF
    # too, out of the environment of the srun that it starts inside a job
    mkdir -p "$DIR/bin"
    printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$DIR/etc/slurm.conf" "$(PATH=${PATH//$DIR\/bin:/} command -v srun)" >"$DIR/bin/srun"
    chmod +x "$DIR/bin/srun"
    local gn=$GPU_NODES; [ "$gn" -le "$NODES" ] || gn=$NODES; [ "$GPUS" -gt 0 ] || gn=0
    local i g
    {
        cat <<CONF
ClusterName=sandbox
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$DIR/state/ctld
SlurmdSpoolDir=$DIR/state/d-%n
SlurmctldPidFile=$DIR/run/ctld.self.pid
SlurmdPidFile=$DIR/run/d-%n.self.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd-%n.log
SwitchType=switch/none
MpiDefault=none
# no cgroups, no systemd: find a job's processes by their parents
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
PrologFlags=Alloc
# believe the node lines below, not the hardware
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# without this a job that names no memory takes the whole node
DefMemPerCPU=500
GresTypes=gpu
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=$NODE_TIMEOUT
InactiveLimit=0
KillWait=3
MinJobAge=600
MaxArraySize=1001
JobRequeue=0
CONF
        if [ "$ACCT" != 0 ]; then
            cat <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$((PORT + 1))
AccountingStoragePass=$DIR/run/munge.socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
CONF
        else
            echo "AccountingStorageType=accounting_storage/none"
        fi
        for ((i = 1; i <= NODES; i++)); do
            local gres=""; [ "$i" -gt "$gn" ] || gres=" Gres=gpu:$GPU_TYPE:$GPUS Feature=gpu,$GPU_TYPE"
            echo "NodeName=n$i NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((PORT + 10 + i)) CPUs=$CPUS CoresPerSocket=$CPUS RealMemory=$MEM$gres State=UNKNOWN"
        done
        echo "PartitionName=cpu Nodes=$(node_names | paste -sd,) Default=YES MaxTime=1440 DefaultTime=10 State=UP"
        [ "$gn" -eq 0 ] || echo "PartitionName=gpu Nodes=$(node_names | head -n "$gn" | paste -sd,) MaxTime=1440 DefaultTime=10 State=UP"
    } >"$DIR/etc/slurm.conf"
    : >"$DIR/etc/gres.conf"
    for ((i = 1; i <= gn; i++)); do
        # slurmd wants device nodes, so clones of /dev/null stand in for /dev/nvidia*.
        # Where they cannot be made, count only: jobs are placed the same, but get no
        # CUDA_VISIBLE_DEVICES.
        local ok=1 f
        for ((g = 0; g < GPUS; g++)); do
            f="$DIR/gpu/n$i-fake$g"
            [ -c "$f" ] || mknod "$f" c 1 3 2>/dev/null || ok=0
        done
        if [ $ok = 1 ]; then
            echo "NodeName=n$i Name=gpu Type=$GPU_TYPE File=$DIR/gpu/n$i-fake[0-$((GPUS - 1))]"
        else
            echo "NodeName=n$i Name=gpu Type=$GPU_TYPE Count=$GPUS Flags=CountOnly"
        fi >>"$DIR/etc/gres.conf"
    done
    if [ "$ACCT" != 0 ]; then
        cat >"$DIR/etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.socket
DbdHost=localhost
DbdPort=$((PORT + 1))
SlurmUser=root
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/run/dbd.self.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StoragePort=$((PORT + 2))
StorageUser=root
StorageLoc=slurm_acct_db
CONF
        chmod 0600 "$DIR/etc/slurmdbd.conf"
    fi
}

start_munge() {
    local m="$DIR/munge"
    if [ ! -s "$m/key" ]; then (umask 077; head -c 1024 /dev/urandom >"$m/key"); fi
    spawn munge munged --foreground --force --num-threads=4 \
        --key-file="$m/key" --seed-file="$m/seed" --log-file="$m/log" \
        --pid-file="$m/pid" --socket="$DIR/run/munge.socket"
    wait_for 10 munged munge -S "$DIR/run/munge.socket" -n
}

start_accounting() {
    local sock="$DIR/run/maria.sock"
    if [ ! -d "$DIR/db/mysql" ]; then
        mariadb-install-db --no-defaults --user=root --datadir="$DIR/db" --auth-root-authentication-method=socket >"$DIR/log/maria-install.out" 2>&1
    fi
    spawn maria mariadbd --no-defaults --user=root --datadir="$DIR/db" --socket="$sock" \
        --bind-address=127.0.0.1 --port=$((PORT + 2)) --pid-file="$DIR/run/maria.self.pid" \
        --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0
    wait_for 30 mariadbd mariadb --no-defaults -S "$sock" -e 'select 1'
    # slurmdbd speaks TCP, so it cannot use socket authentication
    mariadb --no-defaults -S "$sock" -e "create database if not exists slurm_acct_db;
        create user if not exists 'root'@'127.0.0.1' identified by '';
        grant all on slurm_acct_db.* to 'root'@'127.0.0.1';"
    # the MySQL client takes "localhost" to mean a socket
    MYSQL_UNIX_PORT="$sock" spawn dbd slurmdbd -D
    wait_for 30 slurmdbd "${NS[@]}" timeout 5 sacctmgr -n list cluster
    "${NS[@]}" sacctmgr -i add cluster sandbox >/dev/null 2>&1 || true
    "${NS[@]}" sacctmgr -i add account test description=test organization=test >/dev/null 2>&1 || true
    "${NS[@]}" sacctmgr -i add user root account=test >/dev/null 2>&1 || true
}

nodes_ready() {
    local up; up=$("${NS[@]}" sinfo -h -N -p cpu -t idle,mix,alloc,comp -o %N | sort -u | wc -l)
    [ "$up" -eq "$NODES" ]
}

cmd_start() {
    need_root
    command -v slurmctld >/dev/null && command -v munged >/dev/null || die "not installed; run: $0 install"
    export SLURM_CONF="$DIR/etc/slurm.conf"
    enter_namespace
    if alive ctld && nodes_ready; then say "already up"; return 0; fi
    mkdir -p "$DIR"/{etc,run,log,state,gpu,munge,db}
    chmod 0755 "$DIR" "$DIR/run"; chmod 0700 "$DIR/munge"
    start_namespace
    write_config
    mkdir -p "$DIR/state/ctld"; local n; for n in $(node_names); do mkdir -p "$DIR/state/d-$n"; done
    start_munge
    [ "$ACCT" = 0 ] || start_accounting
    spawn ctld slurmctld -D
    wait_for 20 slurmctld "${NS[@]}" scontrol ping
    for n in $(node_names); do spawn "d-$n" slurmd -D -N "$n"; done
    wait_for 40 "nodes" nodes_ready
    say "up: $("${NS[@]}" sinfo -h -o '%P %D nodes %c cpus %G' | paste -sd'; ')"
    if [ -e "$DIR/run/ns.net" ]; then say "use it with: $0 exec COMMAND"; else say "use it with: eval \"\$($0 env)\" or $0 exec COMMAND"; fi
}

cmd_stop() {
    need_root
    [ -d "$DIR" ] || { say "nothing to stop"; return 0; }
    export SLURM_CONF="$DIR/etc/slurm.conf"
    enter_namespace
    if alive ctld; then
        "${NS[@]}" timeout 20 scancel --full --user=root 2>/dev/null || true
        local n=40
        while [ -n "$("${NS[@]}" timeout 5 squeue -h 2>/dev/null)" ] && [ $n -gt 0 ]; do sleep 0.25; n=$((n - 1)); done
    fi
    local f name
    for f in "$DIR"/run/d-*.pid; do
        name=$(basename "$f" .pid)
        case $name in *.self) continue ;; esac
        [ -e "$f" ] && end "$name"
    done
    end ctld; end dbd; end maria; end munge; end ns
    # steps that outlived their slurmd carry the directory in their environment
    local p
    for p in /proc/[0-9]*; do
        if [ "$(cat "$p/comm" 2>/dev/null)" = slurmstepd ] && grep -qaF "$DIR" "$p/environ" 2>/dev/null; then
            kill_pid_tree "${p#/proc/}" KILL
        fi
    done
    rm -rf "$DIR"
    say "stopped"
}

cmd_env() {
    printf 'export SLURM_CONF=%q\n' "$DIR/etc/slurm.conf"
    printf 'export PATH=%q:"$PATH"\n' "$DIR/bin"
}

cmd_status() {
    export SLURM_CONF="$DIR/etc/slurm.conf"
    enter_namespace
    local f name
    for f in "$DIR"/run/*.pid; do
        name=$(basename "$f" .pid)
        case $name in *.self) continue ;; esac
        [ -e "$f" ] || continue
        if alive "$name"; then echo "$name: pid $(cat "$f")"; else echo "$name: dead"; fi
    done
    "${NS[@]}" sinfo -N -o '%N %P %T %c %m %G'
}

cmd_fail_node() {
    local n=$1 p s step pid
    export SLURM_CONF="$DIR/etc/slurm.conf"
    alive "d-$n" || die "no running node $n"
    # the daemon first, or it would report the dead steps as failed ones
    pid=$(cat "$DIR/run/d-$n.pid"); kill -KILL "$pid"
    # every running step has a socket NODE_JOB.STEP in its node's spool directory, and
    # a slurmstepd titled [JOB.STEP] or [JOB.batch|extern]
    for s in "$DIR/state/d-$n/${n}_"*; do
        [ -e "$s" ] || continue
        step=${s##*/"${n}"_}
        step=${step/%.4294967291/.batch}; step=${step/%.4294967292/.extern}
        for p in /proc/[0-9]*; do
            if grep -qaF "slurmstepd: [$step]" "$p/cmdline" 2>/dev/null; then kill_pid_tree "${p#/proc/}" KILL; fi
        done
    done
    say "$n is dead; slurmctld notices some 30 s later"
}

cmd_heal_node() {
    local n=$1
    export SLURM_CONF="$DIR/etc/slurm.conf"
    enter_namespace
    spawn "d-$n" slurmd -D -N "$n"
    "${NS[@]}" scontrol update nodename="$n" state=resume 2>/dev/null || true
    wait_for 40 "$n" "${NS[@]}" sh -c "sinfo -h -N -n $n -p cpu -t idle,mix,alloc -o %N | grep -qx $n"
}

case ${1:-} in
    install) cmd_install ;;
    start) cmd_install; cmd_start ;;
    stop) cmd_stop ;;
    env) cmd_env ;;
    exec) shift; eval "$(cmd_env)"; enter_namespace; exec "${NS[@]}" "$@" ;;
    status) cmd_status ;;
    fail-node) cmd_fail_node "${2:?node name}" ;;
    heal-node) cmd_heal_node "${2:?node name}" ;;
    *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2 ;;
esac
