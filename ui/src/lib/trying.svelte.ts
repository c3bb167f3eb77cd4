// What a view tries, and what went wrong with the last try, for people.
export class Trying {
  error = $state("");

  // do works; an error is shown until something works again.
  do = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      this.error = "";
    } catch (failure) {
      this.error = (failure as Error).message;
    }
  };
}
