import type { Facts } from '../facts.ts';
import { type Finding, isTest } from '../source.ts';

const ONLY = /^(describe|it|test|suite)\.(.*\.)?only(\.|$)/;
const SILENT = /^(describe|it|test|suite)\.(.*\.)?(skip|skipIf|runIf|todo|fails)(\.|$)/;
const LEGACY = /^(xit|xdescribe|xtest|fit|fdescribe)$/;

/**
 * Tests that do not run. `.only` never lands; a test that cannot run here says so by
 * `context.skip('reason')`, which the runner prints.
 */
export function skipFindings(files: readonly Facts[]): readonly Finding[] {
  return files
    .filter((file) => isTest(file.path))
    .flatMap((file) =>
      file.calls.flatMap(({ callee, line, endsInText }) => {
        const message = problem(callee, endsInText);
        return message === undefined ? [] : [{ path: file.path, line, message }];
      }),
    );
}

function problem(callee: string, endsInText: boolean): string | undefined {
  if (ONLY.test(callee)) return `${callee} hides all other tests`;
  if (SILENT.test(callee) || LEGACY.test(callee)) {
    return `${callee} gives no reason: use context.skip('reason')`;
  }
  if (/\.skip$|^skip$/.test(callee) && !endsInText) return `${callee} needs its reason as a text`;
  return undefined;
}
