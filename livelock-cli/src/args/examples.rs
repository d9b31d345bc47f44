//! Examples below the options of each command.
//!
//! In: nothing. Out: text for the help, and for the manual. Refuses: a command without one.

/// What `livelock --help` ends with.
pub(super) const LIVELOCK: &str = "\
Examples:
  sudo livelock diagnose                      is this host in a live lock? (5 seconds)
  sudo livelock diagnose --duration 30s       the same, for a rarer one
  sudo livelock diagnose --cgroup /system.slice/nginx.service
  sudo livelock diagnose --pid $(pidof -s postgres)   this process and its descendants only
  sudo livelock diagnose --kind mutex,rwsem --min-wait 1ms   of the locks list only these
  sudo livelock diagnose --format json --output verdict.json
  sudo livelock diagnose --progress uprobe:/usr/sbin/nginx:ngx_http_finalize_request --expect 'rate>=100'
  sudo livelock watch                         full-screen, until q; ? tells the keys
  sudo livelock watch --plain                 one line a window until Ctrl-C
  sudo livelock export --duration 1m | jq 'select(.record == \"verdict\").status'
  sudo livelock record -o web1.llrec -d 1m    to look at it later, or elsewhere:
  livelock replay web1.llrec diagnose         the report on that minute, without root
  livelock report web1.llrec -o web1.html     the same as a page for a browser, to be mailed
  sudo livelock compare before.llrec live     has it become worse since?
  livelock doctor                             what works here, what does not, what to do

Exit codes:
  0 healthy, or busy and progressing    10 contended or starved
  1 error at run time                   11 live lock
  2 wrong arguments                    130 ended by Ctrl-C (SIGINT)
  3 this host cannot be observed       143 ended by SIGTERM
  4 inconclusive";

pub(super) const DIAGNOSE: &str = "\
Examples:
  sudo livelock diagnose                          is this host in a live lock? (5 seconds)
  sudo livelock diagnose -d 30s                   the same, for a rarer one
  sudo livelock diagnose --pid $(pidof -s postgres)
  sudo livelock diagnose --cgroup /system.slice/nginx.service
  sudo livelock diagnose --kind mutex,rwsem --min-wait 1ms
  sudo livelock diagnose --record web1.llrec      the report, and a recording of what led to it
  sudo livelock diagnose -f json | jq -r .cause.summary
  sudo livelock diagnose --progress uprobe:/usr/sbin/nginx:ngx_http_finalize_request --expect 'rate>=100'";

pub(super) const WATCH: &str = "\
Examples:
  sudo livelock watch                             full-screen, until q; ? tells the keys
  sudo livelock watch --window 300ms --cpu 0-7    closer, and of these CPUs only
  sudo livelock watch --plain >> livelock.log     one line a window, until stopped
  sudo livelock watch --json | jq 'select(.record == \"verdict\").status'";

pub(super) const EXPORT: &str = "\
Examples:
  sudo livelock export | jq -r 'select(.record == \"verdict\").cause.summary'
  sudo livelock export -d 1m --format csv --table locks -o locks.csv
  sudo livelock export -d 10s --format svg --side holders -o holders.svg
  sudo livelock export -d 10s --format perfetto -o web1.perfetto-trace     open it in ui.perfetto.dev
  sudo livelock export -d 15s --format openmetrics -o livelock.prom
  livelock replay web1.llrec export --format folded | flamegraph.pl > waiters.svg";

pub(super) const REPORT: &str = "\
Examples:
  sudo livelock report live -o web1.html                  this host, for 5 seconds
  sudo livelock report live -o web1.html -d 1m --cgroup /system.slice/nginx.service
  livelock report web1.llrec -o web1.html                 a recording, on any machine, without root
  livelock replay web1.llrec report -o - | gzip > web1.html.gz";

pub(super) const COMPARE: &str = "\
Examples:
  livelock compare before.llrec after.llrec       what has changed, beyond the noise
  sudo livelock compare yesterday.llrec live      is it worse than yesterday?
  livelock compare before.json after.json         two documents of `diagnose --format json`
  livelock compare before.llrec after.llrec --json | jq -r .outcome

Exit codes:
  0 better, another load, or no difference that this data can show
  4 it cannot be told    10 worse, or worse in part    others as for `livelock --help`";

pub(super) const RECORD: &str = "\
Examples:
  sudo livelock record -o web1.llrec -d 1m        one minute
  sudo livelock record -o web1.llrec --max-size 64M           until stopped, the last 64 MiB
  sudo livelock record -o web1.llrec --ring 10m --trigger 'status>=contended' --cooldown 1h
                                                  incidents only, each with the minutes before it
  sudo livelock record -o - -d 10s | ssh desk livelock replay - diagnose";

pub(super) const REPLAY: &str = "\
Examples:
  livelock replay web1.llrec diagnose             the report, to the byte, on any machine
  livelock replay web1.llrec watch                full-screen; [ and ] step through the windows
  livelock replay web1.llrec export --format svg -o waiters.svg
  ssh web1 sudo livelock record -o - -d 10s | livelock replay - diagnose";

pub(super) const REPLAY_DIAGNOSE: &str = "\
Examples:
  livelock replay web1.llrec diagnose
  livelock replay web1.llrec diagnose --lock files_struct.file_lock
  livelock replay web1.llrec diagnose --format json -o verdict.json";

pub(super) const REPLAY_WATCH: &str = "\
Examples:
  livelock replay web1.llrec watch                full-screen
  livelock replay web1.llrec watch --plain        a line a window";

pub(super) const REPLAY_REPORT: &str = "\
Examples:
  livelock replay web1.llrec report -o web1.html
  ssh web1 sudo livelock record -o - -d 10s | livelock replay - report -o web1.html";

pub(super) const REPLAY_EXPORT: &str = "\
Examples:
  livelock replay web1.llrec export | jq 'select(.record == \"window\").busy_pct'
  livelock replay web1.llrec export --format folded | flamegraph.pl > waiters.svg
  livelock replay web1.llrec export --format perfetto -o web1.perfetto-trace";

pub(super) const DOCTOR: &str = "\
Examples:
  sudo livelock doctor                            what works on this host, what does not, what to do
  livelock doctor                                 as this user: what is missing, and how to get it
  sudo livelock doctor --json | jq '.blind_spots[]'";

pub(super) const SCHEMA: &str = "\
Examples:
  livelock schema > livelock.schema.json
  livelock schema | jq '.\"$defs\" | keys'";

pub(super) const CONFIG: &str = "\
Examples:
  livelock config                                 what holds here, and where it was set
  livelock config | sudo tee /etc/livelock/config.toml        a file to begin with
  livelock config --config ./new.toml             whether a file is right, and what it changes";

pub(super) const COMPLETIONS: &str = "\
Examples:
  livelock completions bash | sudo tee /usr/share/bash-completion/completions/livelock > /dev/null
  livelock completions zsh | sudo tee /usr/local/share/zsh/site-functions/_livelock > /dev/null
  livelock completions fish > ~/.config/fish/completions/livelock.fish
  source <(livelock completions bash)             for this shell alone";

pub(super) const MAN: &str = "\
Examples:
  livelock man | man -l -                         read the first page now
  sudo livelock man -o /usr/local/share/man/man1  install all pages";
