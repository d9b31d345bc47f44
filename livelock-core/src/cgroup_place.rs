//! Which container and which pod a cgroup path belongs to.
//!
//! In: the path of a cgroup below its mount, of version 1, 2 or a hybrid host, or the text of `/proc/PID/cgroup`. Out: ids.
//! Refuses: names that only look like it; an id has 64 hexadecimal digits (32 and a number for tasks of ECS), a pod 32.
//!
//! Known are the layouts of the kubelet (both of its cgroup drivers), containerd, CRI-O, Docker, Podman and ECS; the innermost
//! container counts, because they nest.

/// Where a task lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPlace {
    /// Id of the container, as its runtime prints it.
    pub container_id: Option<String>,
    /// Uid of the Kubernetes pod, with dashes.
    pub pod_uid: Option<String>,
}

/// Digits of a container's id.
const CONTAINER_DIGITS: usize = 64;
/// Digits of a task's id of ECS, before its dash and number.
const ECS_DIGITS: usize = 32;
/// Digits of a uid between its dashes.
const UID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl CgroupPlace {
    /// Of a path below the mount of a hierarchy.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let mut place = Self::default();
        // Some versions of containerd joined slice, prefix and id with colons.
        for part in path.split(['/', ':']) {
            if let Some(uid) = pod_uid(part) {
                place.pod_uid = Some(uid);
                // A container outside of the pod is the one that the node itself runs in.
                place.container_id = None;
            } else if let Some(id) = container_id(part) {
                place.container_id = Some(id.to_owned());
            }
        }
        place
    }

    /// Of the text of `/proc/PID/cgroup`: the hierarchy that knows most. On a hybrid host that of version 2 may say
    /// nothing.
    #[must_use]
    pub fn of_proc(text: &str) -> Self {
        let mut best = Self::default();
        for line in text.lines() {
            // hierarchy:controllers:path, and only the last may have colons of its own.
            let place = line
                .splitn(3, ':')
                .nth(2)
                .map(Self::of_path)
                .unwrap_or_default();
            if place.nr_known() > best.nr_known() {
                best = place;
            }
        }
        best
    }

    fn nr_known(&self) -> usize {
        usize::from(self.container_id.is_some()) + usize::from(self.pod_uid.is_some())
    }
}

/// The id in `cri-containerd-ID.scope`, `docker-ID.scope`, `libpod-ID.scope`, `crio-ID` or plain `ID`.
fn container_id(part: &str) -> Option<&str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    // The monitor of a container is not in it.
    if name.starts_with("crio-conmon-") || name.starts_with("libpod-conmon-") {
        return None;
    }
    let last = name.rsplit('-').next().unwrap_or(name);
    if is_hex(last, CONTAINER_DIGITS) {
        return Some(last);
    }
    let (task, number) = name.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_hex(task, ECS_DIGITS) && is_number).then_some(name)
}

/// The uid in `pod1234…`, `kubepods-burstable-pod1234_….slice` and the like.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = name.rsplit_once("pod").filter(|(before, _)| {
        before.is_empty() || (before.ends_with('-') && before.contains("kubepods"))
    });
    let uid = uid?.1;
    // Static pods have the hash of their manifest for a uid.
    if is_hex(uid, UID_GROUPS.iter().sum()) {
        return Some(uid.to_owned());
    }
    let groups: Vec<_> = uid.split(['-', '_']).collect();
    let fits = groups.len() == UID_GROUPS.len()
        && groups
            .iter()
            .zip(UID_GROUPS)
            .all(|(group, nr)| is_hex(group, nr));
    fits.then(|| groups.join("-"))
}

fn is_hex(text: &str, nr_digits: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == nr_digits && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "4f2d1c3b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f00f";
    const UID: &str = "0b5e0c57-6f4d-4a8e-9d5f-1c2b3a4d5e6f";

    fn place(container: Option<&str>, pod: Option<&str>) -> CgroupPlace {
        CgroupPlace {
            container_id: container.map(str::to_owned),
            pod_uid: pod.map(str::to_owned),
        }
    }

    #[test]
    fn layouts_in_the_field() {
        let slice = UID.replace('-', "_");
        let (c, p) = (Some(ID), Some(UID));
        for (path, wanted) in [
            ("/".to_owned(), place(None, None)),
            ("/system.slice/nginx.service".to_owned(), place(None, None)),
            (format!("/system.slice/docker-{ID}.scope"), place(c, None)),
            (format!("/docker/{ID}"), place(c, None)),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                place(c, None),
            ),
            (
                format!("/machine.slice/libpod-conmon-{ID}.scope"),
                place(None, None),
            ),
            (
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{ID}.scope"
                ),
                place(c, p),
            ),
            (
                format!("/kubepods.slice/kubepods-pod{slice}.slice/crio-{ID}.scope"),
                place(c, p),
            ),
            (
                format!("/kubepods.slice/kubepods-pod{slice}.slice/crio-conmon-{ID}.scope"),
                place(None, p),
            ),
            (format!("/kubepods/besteffort/pod{UID}/{ID}"), place(c, p)),
            (format!("/kubepods/pod{UID}"), place(None, p)),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-pod{slice}.slice:cri-containerd:{ID}"
                ),
                place(c, p),
            ),
            // A node that is a container itself (kind).
            (
                format!(
                    "/docker/{}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{slice}.slice/cri-containerd-{ID}.scope",
                    "a".repeat(64)
                ),
                place(c, p),
            ),
            (
                format!(
                    "/docker/{}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{slice}.slice",
                    "a".repeat(64)
                ),
                place(None, p),
            ),
            (
                format!("/ecs/{0}/{0}-1234567890", "0123456789abcdef".repeat(2)),
                place(Some("0123456789abcdef0123456789abcdef-1234567890"), None),
            ),
            (format!("/user.slice/podcast-{ID}x"), place(None, None)),
        ] {
            assert_eq!(CgroupPlace::of_path(&path), wanted, "{path}");
        }
    }

    #[test]
    fn the_hierarchy_that_knows_most_counts() {
        let hybrid = format!(
            "12:memory:/kubepods/burstable/pod{UID}/{ID}\n1:name=systemd:/kubepods/burstable/pod{UID}\n0::/\n"
        );
        assert_eq!(CgroupPlace::of_proc(&hybrid), place(Some(ID), Some(UID)));
        let unified = format!("0::/system.slice/docker-{ID}.scope\n");
        assert_eq!(CgroupPlace::of_proc(&unified), place(Some(ID), None));
        assert_eq!(CgroupPlace::of_proc("0::/init.scope\n"), place(None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            let _ = CgroupPlace::of_proc(&text);
            let read = CgroupPlace::of_path(&text);
            if let Some(id) = read.container_id {
                prop_assert!(text.contains(&id));
            }
        }

        #[test]
        fn an_id_is_found_wherever_it_is(
            id in "[0-9a-f]{64}",
            before in "(/[a-z]{1,8}\\.slice){0,4}",
            prefix in prop::sample::select(vec!["", "docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-"]),
            uid in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            is_systemd: bool,
        ) {
            let pod = if is_systemd {
                format!("kubepods-pod{}.slice", uid.replace('-', "_"))
            } else {
                format!("kubepods/pod{uid}")
            };
            let scope = if prefix.is_empty() { "" } else { ".scope" };
            let path = format!("{before}/{pod}/{prefix}{id}{scope}");
            prop_assert_eq!(CgroupPlace::of_path(&path), place(Some(&id), Some(&uid)));
            let lines = format!("3:cpu,cpuacct:{path}\n0::{before}\n");
            prop_assert_eq!(CgroupPlace::of_proc(&lines), place(Some(&id), Some(&uid)));
        }
    }
}
