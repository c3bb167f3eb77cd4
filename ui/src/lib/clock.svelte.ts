// The time, for what has to change with it: time left, "yesterday".
class Clock {
  #tick = $state(0);

  // now is exact; who reads it is told again every few seconds.
  get now(): number {
    void this.#tick;
    return Date.now();
  }

  tick() {
    this.#tick++;
  }
}

export const clock = new Clock();

export function startClock(): () => void {
  const timer = setInterval(() => clock.tick(), 15_000);
  return () => clearInterval(timer);
}
