import type { Finding, Source } from '../source.ts';

interface Ban {
  readonly word: RegExp;
  readonly reason: string;
  /** Files that may say it. */
  readonly except?: RegExp;
}

/** Classes of one letter keep this table from objecting to itself. */
const BANS: readonly Ban[] = [
  { word: /\b(TOD[O]|FIXM[E]|XX[X])\b(?!\s*\(?#\d+)/, reason: 'an open end names its issue: #12' },
  { word: /sub[-]?[a]gent/i, reason: 'the project speaks of COOEE alone' },
  { word: /(^|[\s"'`(=:])\/wor[k]\//, reason: 'no path of one machine' },
  {
    word: /\.\.\/share[d]\b/,
    reason: 'the repository stands alone',
    except: /^(\.ci\/run|test\/testnet\/.*)$/,
  },
  { word: /\bregistr[y]\.[a-z0-9-]+\.[a-z]+/i, reason: 'no registry is named' },
];

const GENERATED = /^(package-lock\.json|LICENSE|test\/vectors\/.*)$/;

/** Words that do not belong into the repository. */
export function wordFindings(sources: readonly Source[]): readonly Finding[] {
  return sources
    .filter(({ path }) => !GENERATED.test(path))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) =>
        BANS.filter((ban) => ban.word.test(line) && !ban.except?.test(path)).map((ban) => {
          const word = ban.word.exec(line)?.[0].trim() ?? '';
          return { path, line: index + 1, message: `"${word}": ${ban.reason}` };
        }),
      ),
    );
}
