//! Healthy loads of real programs.
//!
//! In: nothing. Out: for each the programs it needs and the scripts that prepare and run it. Refuses: loads of
//! our own, of which the lab has many; these are programs that hosts really run.

/// A load.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Programs, each with the Debian package that holds it.
    pub(super) needs: &'static [(&'static str, &'static str)],
    /// Bash, in a directory of its own, before anything is observed.
    pub(super) prepare: &'static str,
    /// Bash, in the same directory, until it is killed.
    pub(super) run: &'static str,
}

const PG: &str = "/usr/lib/postgresql/15/bin/pgbench";

/// All of them.
pub(super) const LOADS: &[Load] = &[
    Load {
        name: "idle",
        what: "nothing but this machine's own daemons",
        needs: &[],
        prepare: "",
        run: "sleep infinity",
    },
    Load {
        name: "compile",
        what: "make with twice as many jobs as CPUs over 400 C files, again and again, as a kernel is built",
        needs: &[("make", "make"), ("gcc", "gcc"), ("ar", "binutils")],
        prepare: r##"
            for file in $(seq 400); do
                { for header in stdio stdlib string math pthread signal sys/socket netinet/in; do
                      echo "#include <$header.h>"
                  done
                  for function in $(seq 40); do
                      echo "int f${file}_$function(int n, char *s) {
                          int sum = 0;
                          for (int i = 0; i < n; i++) { sum += s[i] * $function; if (sum > 99) sum ^= i << 2; }
                          return snprintf(s, 8, \"%d\", sum) + (int)sqrt(sum);
                      }"
                  done
                } > file$file.c
            done
            printf 'OBJECTS := $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: lib.a\nlib.a: $(OBJECTS)\n\tar rcs $@ $^\n%%.o: %%.c\n\tgcc -O2 -c -o $@ $<\nclean:\n\trm -f *.o lib.a\n' > Makefile
        "##,
        run: "while :; do make -s clean; make -s -j$((2 * $(nproc))) all; done",
    },
    Load {
        name: "web-server",
        what: "nginx on the loopback, wrk with 64 connections against it",
        needs: &[("nginx", "nginx-light"), ("wrk", "wrk")],
        prepare: r#"
            mkdir -p logs html
            head -c 4096 /dev/urandom | base64 > html/index.html
            cat > nginx.conf <<CONF
worker_processes auto;
daemon off;
pid logs/pid;
error_log logs/error;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path logs/a; proxy_temp_path logs/b; fastcgi_temp_path logs/c;
    uwsgi_temp_path logs/d; scgi_temp_path logs/e;
    server { listen 127.0.0.1:18473; root html; }
}
CONF
        "#,
        run: "nginx -p \"$PWD\" -c \"$PWD/nginx.conf\" -e logs/error &
              sleep 1
              while :; do wrk -t2 -c64 -d30s http://127.0.0.1:18473/index.html; done",
    },
    Load {
        name: "database",
        what: "PostgreSQL with pgbench's TPC-B-like transactions of 16 clients",
        needs: &[(PG, "postgresql-15"), ("runuser", "util-linux")],
        prepare: "
            mkdir -p data
            chown -R postgres data
            if [ ! -e data/PG_VERSION ]; then
                runuser -u postgres -- /usr/lib/postgresql/15/bin/initdb -D \"$PWD/data\" -A trust >/dev/null
            fi
        ",
        run: "run() { runuser -u postgres -- /usr/lib/postgresql/15/bin/\"$@\"; }
              run postgres -D \"$PWD/data\" -k /tmp -p 18474 -c listen_addresses= &
              until run pg_isready -q -h /tmp -p 18474; do sleep 0.2; done
              run pgbench -q -i -s 10 -h /tmp -p 18474 postgres
              while :; do run pgbench -c 16 -j 2 -T 30 -h /tmp -p 18474 postgres; done",
    },
    Load {
        name: "compressor",
        what: "xz and zstd with a thread for each CPU",
        needs: &[("xz", "xz-utils"), ("zstd", "zstd")],
        prepare: "{ cat /usr/bin/*; } 2>/dev/null | head -c 134217728 > input || true",
        run: "while :; do xz -T0 -3 -c input > /dev/null; zstd -q -T0 -12 -c input > /dev/null; done",
    },
    Load {
        name: "busy-poll",
        what: "a process for each CPU that asks a socket for data without end",
        needs: &[("python3", "python3")],
        prepare: r#"
            cat > poll.py <<'CODE'
import select, socket
a, b = socket.socketpair()
a.setblocking(False)
poll = select.poll()
poll.register(a, select.POLLIN)
nr = 0
while True:
    poll.poll(0)
    try:
        a.recv(1)
    except BlockingIOError:
        pass
    nr += 1
    if nr % 1000 == 0:
        b.send(b"x")
CODE
        "#,
        run: "for cpu in $(seq $(nproc)); do python3 poll.py & done; wait",
    },
    Load {
        name: "processes",
        what: "shells that start and end processes as fast as they can",
        needs: &[],
        prepare: "",
        run: "for cpu in $(seq $(nproc)); do while :; do /bin/true; done & done; wait",
    },
];
