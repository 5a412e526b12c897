import { parseArgs } from 'node:util';
import { checkHistory, formatResult } from './check/index.ts';
import { readHistory } from './history/index.ts';

// node test/testnet/check.ts FILE: checks the history that a run of the testnet left.

const USAGE = 'usage: node test/testnet/check.ts FILE [--no-final] [--json]\n';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'no-final': { type: 'boolean' }, json: { type: 'boolean' } },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new TypeError('one file is needed');
  const result = checkHistory(await readHistory(file), { final: values['no-final'] !== true });
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : formatResult(result));
  return result.ok ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof TypeError;
  process.stderr.write(`${String(error)}\n${isUsage ? USAGE : ''}`);
  process.exitCode = 2;
}
