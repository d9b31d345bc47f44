use livelock_cli::capture::*; use livelock_cli::raw::RawRecord;
fn main(){
 let t=std::time::Instant::now();
 let cfg=CaptureConfig{offsets:KernelOffsets::default(),sample_hz:99};
 for p in probe_programs(&cfg.offsets).unwrap(){println!("{p:?}");}
 println!("probe {:?}",t.elapsed());
 let t=std::time::Instant::now();
 let mut c=match Capture::start(&cfg){Ok(c)=>c,Err(e)=>{println!("{e:?}");return}};
 println!("attached {:?} {:?}",t.elapsed(),c.sampler());
 let secs: u64=std::env::args().nth(1).and_then(|s|s.parse().ok()).unwrap_or(3);
 for w in 0..=secs {
  let mut v=vec![];
  if w==secs{c.detach().unwrap(); c.drain(&mut v);}
  else{ for _ in 0..25 {std::thread::sleep(std::time::Duration::from_millis(40)); c.drain(&mut v);} }
  let(mut nw,mut ns,mut nsm)=(0,0,0);
  for r in &v{match r{RawRecord::Wait(_)=>nw+=1,RawRecord::Stack{..}=>ns+=1,RawRecord::Sample{..}=>nsm+=1,_=>{}}}
  v.clear();
  c.close_window(&mut v);
  let (mut b,mut co,mut op,mut lost)=(0,0,0,0);
  for r in &v{match r{
   RawRecord::Cpu{cpu,state,dropped,torn,..}=>{ b+=state.nr_begun+state.lost[0];co+=state.nr_completed;op+=state.depth as u64;lost+=state.lost.iter().sum::<u64>();
     println!(" cpu{cpu} begun {} done {} spin {} ms unm {} lost {:?} period {} stacks {} ticks {}/{} phases {} self {} / {} timed {} of {} drop {:?} torn {torn} endref {}",state.nr_begun,state.nr_completed,state.spin_ns/1000000,state.nr_end_unmatched,state.lost,state.stack_period,state.nr_stacks,state.nr_ticks,state.nr_ticks_in_self,state.nr_phases,state.stacked_self_ns/1000,state.sampler_self_ns/1000,state.timed_self_ns,state.nr_timed,dropped,state.nr_end_refused);}
   RawRecord::Lock{cpu,entry,..} if entry.nr_waits>100=>println!("  lock cpu{cpu} {:x} flags {} begun {} waits {} spin {} us",entry.lock_addr,entry.flags,entry.nr_begun,entry.nr_waits,entry.spin_ns/1000),
   RawRecord::Task(t)=>{op+=1;println!("  task {} {:x} {}",t.pid,t.lock_addr,t.flags)}
   RawRecord::RecursionMisses(m)=>println!("  misses {m:?}"),
   _=>{}
  }}
  println!("w{w}: waits {nw} stacks {ns} samples {nsm} begun {b} completed {co} open {op} lost {lost} diff {}",b as i64-co as i64-op as i64-lost as i64);
 }
}
