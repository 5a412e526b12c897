/** Where progress is shown. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const CLEAR_LINE = '\r\u001b[2K';

/**
 * Runs `work` with a spinner, a label and the seconds passed on `output`, and wipes them when it is
 * done. Nothing is written when `output` is no terminal.
 */
export async function withProgress<T>(
  output: ProgressOutput,
  label: string,
  work: () => Promise<T>,
): Promise<T> {
  if (output.isTTY !== true) return work();
  const startedMs = performance.now();
  let frame = 0;
  const draw = (): void => {
    const passed = Math.floor((performance.now() - startedMs) / 1_000);
    output.write(`${CLEAR_LINE}${FRAMES[frame % FRAMES.length]} ${label} (${passed} s)`);
    frame += 1;
  };
  draw();
  const timer = setInterval(draw, FRAME_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    output.write(CLEAR_LINE);
  }
}
