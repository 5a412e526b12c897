// A daemon as far as the lock goes: opens the home that it is given, says so, and waits to be
// killed.
import { silentLogger } from '../../../protocols/interface/index.ts';
import { openHome } from '../../../storage/home.ts';

try {
  const home = await openHome(process.argv[2]!, { logger: silentLogger });
  process.stdout.write('open\n');
  process.stdin.on('end', () => void home.close());
  process.stdin.resume();
} catch (thrown) {
  const { code, message, details } = thrown as { code: string; message: string; details: object };
  process.stdout.write(`${JSON.stringify({ code, message, details })}\n`);
}
