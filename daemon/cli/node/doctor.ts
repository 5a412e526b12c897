import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { CliContext } from '../context.ts';
import { padWidth } from '../format/width.ts';
import { asTyped } from '../report-error.ts';

/** `cooee doctor`: what was checked, one line each; exit 1 when a check failed. */
export async function runDoctor(context: CliContext): Promise<number> {
  const client = await context.client();
  const doctor = await client.call('getDoctor');
  const { green, yellow, red } = context.colours;
  const paint = { ok: green, warn: yellow, fail: red };
  const width = Math.max(0, ...doctor.checks.map((check) => check.name.length));
  context.answer(doctor, () =>
    doctor.checks
      .map((check) => {
        const state = paint[check.state](padWidth(check.state, 4));
        const line = `${state}  ${padWidth(check.name, width)}  ${sanitizeLine(check.cause)}\n`;
        if (check.state === 'ok' || check.remedy === '') return line;
        const remedy = sanitizeLine(asTyped(check.remedy, context.command));
        return `${line}${' '.repeat(width + 8)}${remedy}\n`;
      })
      .join(''),
  );
  return doctor.ok ? 0 : 1;
}
