/** Tries until it is true; the time only bounds hanging. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 15_000;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
