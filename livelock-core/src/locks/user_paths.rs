//! User code that leads into a path.
//!
//! In: user stacks of a path, [`Names`]. Out: [`UserStack`]s, and frames of flame graphs. Refuses: to name code that nobody
//! could name.

use std::collections::BTreeMap;

use super::path::{TaskShare, UserPath};
use crate::filter::Filter;
use crate::ids::{CodeAddr, Tgid};
use crate::ledger::time::share;
use crate::names::{Names, UserFunction, user_look_up};
use crate::thresholds::{NR_USER_FRAMES_REPORTED, NR_USER_PATHS_REPORTED};
use crate::user_stack::UserStack;

/// User stacks of one or more paths.
pub(super) type UserPaths = BTreeMap<UserPath, TaskShare>;

/// Adds those of tasks that pass.
pub(super) fn add(to: &mut UserPaths, from: &UserPaths, filter: &Filter) {
    for (path, share) in from {
        if filter.has_comm(path.comm.as_deref()) {
            to.entry(path.clone()).or_default().add(*share);
        }
    }
}

/// The heaviest, stacks that read the same as one.
pub(super) fn reports(paths: &UserPaths, names: &dyn Names) -> Vec<UserStack> {
    let mut by_text: BTreeMap<Vec<String>, (TaskShare, TaskShare, Tgid)> = BTreeMap::new();
    let mut total = TaskShare::default();
    for (path, share) in paths {
        let frames = path.frames.iter().enumerate();
        let text = frames
            .take(NR_USER_FRAMES_REPORTED)
            .map(|(i, &addr)| printed(path.process, i, addr, names));
        let (sum, most, process) = by_text.entry(text.collect()).or_insert((
            TaskShare::default(),
            TaskShare::default(),
            path.process,
        ));
        sum.add(*share);
        if *share > *most {
            (*most, *process) = (*share, path.process);
        }
        total.add(*share);
    }
    let mut ranked: Vec<_> = by_text.into_iter().collect();
    ranked
        .sort_by(|(a_text, (a, ..)), (b_text, (b, ..))| b.cmp(a).then_with(|| a_text.cmp(b_text)));
    ranked
        .into_iter()
        .take(NR_USER_PATHS_REPORTED)
        .filter_map(|(frames, (sum, _, tgid))| {
            Some(UserStack {
                share_pct: 100.0 * share(sum.weight, total.weight)?,
                nr_samples: sum.nr_samples,
                tgid,
                frames,
            })
        })
        .collect()
}

/// Functions of a user stack as a flame graph shows them, outermost first.
pub(super) fn flame_frames(path: &UserPath, names: &dyn Names) -> Vec<String> {
    let named = |(i, &addr)| match names.user_function(path.process, user_look_up(i, addr)) {
        Some(UserFunction {
            name: Some(name), ..
        }) => name,
        Some(UserFunction {
            module: Some(module),
            ..
        }) => format!("[{}]", file_name(&module)),
        _ => "[no file]".to_owned(),
    };
    path.frames.iter().enumerate().rev().map(named).collect()
}

fn printed(process: Tgid, index: usize, addr: CodeAddr, names: &dyn Names) -> String {
    let looked_up = user_look_up(index, addr);
    let Some(found) = names.user_function(process, looked_up) else {
        return addr.to_string();
    };
    let behind = addr.0 - looked_up.0;
    let module = found.module.as_deref().map(file_name);
    let mut text = match (&found.name, module, found.file_offset_bytes) {
        (Some(name), Some(module), _) => {
            format!("{name}+0x{:x} ({module})", found.offset_bytes + behind)
        }
        (Some(name), None, _) => format!("{name}+0x{:x}", found.offset_bytes + behind),
        (None, Some(module), Some(offset)) => format!("{module}+0x{:x}", offset + behind),
        (None, Some(module), None) => format!("{addr} ({module})"),
        (None, None, _) => addr.to_string(),
    };
    if let Some(source) = &found.source {
        text.push_str(&match source.line {
            None => format!(" at {}", source.file),
            Some(line) => format!(" at {}:{line}", source.file),
        });
    }
    text
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ObjectPlace;
    use crate::ids::{CgroupId, LockAddr};
    use crate::names::{FunctionName, SourceLine};

    struct Table;

    impl Names for Table {
        fn function(&self, _: CodeAddr) -> Option<FunctionName> {
            None
        }
        fn user_function(&self, _: Tgid, addr: CodeAddr) -> Option<UserFunction> {
            let module = Some("/opt/shop/bin/shop".to_owned());
            let of = |name: Option<&str>, line| UserFunction {
                name: name.map(str::to_owned),
                offset_bytes: 4,
                module: module.clone(),
                file_offset_bytes: Some(0x40),
                build_id: None,
                source: line,
            };
            match addr.0 {
                1 => Some(of(Some("dup"), None)),
                2 => Some(of(
                    Some("order"),
                    Some(SourceLine {
                        file: "order.c".to_owned(),
                        line: Some(7),
                    }),
                )),
                3 => Some(of(None, None)),
                _ => None,
            }
        }
        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }
        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }
        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    fn path(process: u32, comm: &str, frames: &[u64]) -> UserPath {
        UserPath {
            process: Tgid(process),
            comm: Some(comm.to_owned()),
            frames: frames.iter().copied().map(CodeAddr).collect(),
        }
    }

    fn weight(weight: u64) -> TaskShare {
        TaskShare {
            weight,
            nr_samples: 1,
        }
    }

    #[test]
    fn stacks_that_read_the_same_are_one() {
        let paths = UserPaths::from([
            (path(7, "shop", &[1, 3]), weight(1)),
            (path(8, "shop", &[1, 3]), weight(2)),
            (path(8, "shop", &[1, 4, 10]), weight(1)),
        ]);
        let found = reports(&paths, &Table);
        assert_eq!(
            found[0].frames,
            ["dup+0x4 (shop)", "order+0x5 (shop) at order.c:7"]
        );
        assert_eq!((found[0].share_pct, found[0].nr_samples), (75.0, 2));
        assert_eq!(found[0].tgid, Tgid(8), "the process of most of them");
        assert_eq!(found[1].frames, ["dup+0x4 (shop)", "shop+0x41", "0xa"]);
        assert_eq!(reports(&UserPaths::new(), &Table), []);
    }

    #[test]
    fn a_filter_of_tasks_filters_their_user_code() {
        let from = UserPaths::from([
            (path(7, "shop", &[1]), weight(1)),
            (path(8, "cron", &[1]), weight(1)),
        ]);
        let mut to = UserPaths::new();
        let filter = Filter {
            comm: Some("shop".to_owned()),
            ..Filter::default()
        };
        add(&mut to, &from, &filter);
        assert_eq!(to.keys().collect::<Vec<_>>(), [&path(7, "shop", &[1])]);
    }

    #[test]
    fn flame_graphs_begin_with_the_outermost() {
        let found = flame_frames(&path(7, "shop", &[1, 3, 4, 10]), &Table);
        assert_eq!(found, ["[no file]", "[shop]", "order", "dup"]);
    }
}
