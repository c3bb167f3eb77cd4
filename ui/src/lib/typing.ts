// Tells the others that one writes, every few seconds while it goes on.

const every = 4000; // milliseconds

export class TypingMark {
  #told = 0;

  constructor(readonly tell: (active: boolean) => void) {}

  typed() {
    if (Date.now() - this.#told < every) return;
    this.#told = Date.now();
    this.tell(true);
  }

  stop() {
    if (this.#told) this.tell(false);
    this.#told = 0;
  }
}
