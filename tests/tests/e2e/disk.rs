//! Stores on a disk that is full, or that refuses writes.

use llm_oracle_primitives::RequestId;
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    report, History, Relayer, World,
};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

const NAME: &str = "disk_full_and_io_error_stop_safely";
/// A relayer's end when its store fails.
const STORE: i32 = 7;
/// Room for a store and a few answers, bytes.
const DISK: u64 = 2 * 1024 * 1024;
/// How much more of it there is from start to start, bytes.
const STEP: u64 = 16 * 1024;

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// `None` when this user may not mount one.
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = format!("size={DISK},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
        let mounted = mount.arg(folder).output().ok()?;
        mounted.status.success().then(|| Self(folder.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills it up to so many bytes.
    fn leave(&self, bytes: u64) {
        self.clear();
        let mut ballast = File::create(self.ballast()).unwrap();
        let block = [0; 4_096];
        while ballast.write_all(&block).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.saturating_sub(bytes)).unwrap();
    }

    fn clear(&self) {
        let _ = fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, for the relayer may still end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs a relayer until it ends by itself or the request is settled; whether it ended.
async fn run_out(world: &World, relayer: &mut Relayer, id: RequestId) -> bool {
    let ended = eventually("an end of the relayer or of the request", || {
        let ended = !relayer.runs();
        async move {
            if ended {
                return Some(true);
            }
            let view = world.view_for_good(id).await?;
            view.summary.settled.then_some(false)
        }
    })
    .await;
    if ended {
        assert_eq!(relayer.end().await.code(), Some(STORE));
    }
    ended
}

/// What is on the chain is what is in the store.
async fn assert_stored(world: &World, setup: &Setup, id: RequestId) {
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let view = world.view(id).await;
    for seat in &view.seats {
        let job = setup.store().job(id, operator).unwrap();
        let job = job.expect("a commitment on chain is in the store");
        assert_eq!(job.answered.commitment, seat.commitment);
    }
}

/// A disk with more room from start to start, until there is enough; then one that fills up under way.
async fn fills_up(world: &World) -> Option<(u32, Vec<RequestId>)> {
    let setup = Setup::new(world, "full", &world.keys(), &Model::Says("yes"));
    let disk = Disk::mount(&setup.store_path())?;
    let first = world.ask(&yes_or_no(1)).await;
    let (mut stops, mut free, mut stopped) = (0, 0, true);
    while stopped {
        assert!(free < DISK, "it still stops with {free} bytes");
        disk.leave(free);
        let mut relayer = setup.run();
        stopped = run_out(world, &mut relayer, first).await;
        relayer.kill();
        disk.clear();
        assert_stored(world, &setup, first).await;
        stops += u32::from(stopped);
        free += STEP;
    }
    let mut relayer = setup.run();
    eventually("running relayer", || async { setup.listens_at() }).await;
    disk.leave(0);
    let second = world.ask(&yes_or_no(1)).await;
    let stopped = run_out(world, &mut relayer, second).await;
    assert!(stopped, "nothing was written");
    disk.clear();
    assert_stored(world, &setup, second).await;
    let _again = setup.run();
    world.ended_for_good(second).await;
    Some((stops + 1, vec![first, second]))
}

/// A disk that takes no file above a size, with more from start to start: an I/O error, since it is
/// not for want of room.
async fn refuses(world: &World) -> (u32, RequestId) {
    let setup = Setup::new(world, "refused", &world.keys(), &Model::Says("yes"));
    let id = world.ask(&yes_or_no(1)).await;
    // In the shell's blocks of 512 bytes. Without the trap the signal would end the process.
    for (stops, blocks) in (0..).zip((16..4_096).step_by(48)) {
        let script = format!(r#"trap "" XFSZ; ulimit -S -f {blocks}; exec "$@""#);
        let mut relayer = setup.run_by(&script);
        let stopped = run_out(world, &mut relayer, id).await;
        relayer.kill();
        assert_stored(world, &setup, id).await;
        if !stopped {
            return (stops, id);
        }
    }
    panic!("it still stops at two megabytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_and_io_error_stop_safely() {
    // A quiet chain: every new finalized block is a write.
    let world = World::alone(1).await;
    let (errors, id) = refuses(&world).await;
    let counts = History::once_each_in_all(&world, &[id], NAME).await;
    report(NAME, &format!("{errors} stops at an I/O error; {counts}"));
    assert!(errors > 2, "the limit was not felt");
    match fills_up(&world).await {
        Some((stops, ids)) => {
            let counts = History::once_each_in_all(&world, &ids, NAME).await;
            report(NAME, &format!("{stops} stops at a full disk; {counts}"));
            assert!(stops > 2, "the disk was not felt");
        }
        None => report(NAME, "no right to mount a small disk: I/O errors alone"),
    }
}
