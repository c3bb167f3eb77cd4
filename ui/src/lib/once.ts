// once lets work run at most once at a time, and once more if it was asked for
// meanwhile: a storm of events costs two loads. Whoever asks waits for a run
// that began after they asked.
export function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  function run(): Promise<void> {
    if (!running) {
      running = work().finally(() => (running = undefined));
      return running;
    }
    next ??= running.catch(() => {}).then(() => {
      next = undefined;
      return run();
    });
    return next;
  }
  return run;
}
