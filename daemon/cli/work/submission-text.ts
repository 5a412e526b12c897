import { sanitizeLine, sanitizeText } from '../../../protocols/interface/text/sanitize.ts';
import type { SubmissionView } from '../../api/routes/index.ts';
import { formatFields } from '../format/table.ts';

type Fields = readonly (readonly [label: string, values: readonly string[]])[];
type Content = NonNullable<SubmissionView['content']>;

/** One submission with all that it says, for people. */
export function formatSubmission(
  found: SubmissionView,
  labelStyle: (label: string) => string,
): string {
  const { content } = found;
  const fields = [
    ...headFields(found),
    ...(content === undefined ? [] : contentFields(content)),
    ['links', linkLines(found)] as const,
  ];
  return formatFields(
    fields.map(([label, values]) => {
      const safe = values.map(sanitizeLine);
      return [label, safe.join('') === '' ? ['-'] : safe] as const;
    }),
    labelStyle,
  );
}

function headFields(found: SubmissionView): Fields {
  const { refusal, supersededBy } = found;
  const refused =
    refusal === undefined ? [] : [['refused', [`${refusal.code}: ${refusal.message}`]] as const];
  const superseded = supersededBy === undefined ? [] : [['superseded by', [supersededBy]] as const];
  return [
    ['id', [found.id]],
    ['kind', [found.kind]],
    ['address', [found.address]],
    ['version', [textOf(found.version)]],
    ['title', [found.title]],
    ['author', [found.author.agent ?? found.author.peer]],
    ['state', [found.state]],
    ['accepted', [found.acceptedAt]],
    ...(found.relayedAt === undefined ? [] : [['relayed', [found.relayedAt]] as const]),
    ['committed', [found.committedAt ?? '']],
    ['index', [textOf(found.index)]],
    ...refused,
    ...decisionFields(found),
    ...superseded,
  ];
}

function decisionFields({ decision, decisions = [] }: SubmissionView): Fields {
  if (decision === undefined) return [];
  const { by } = decision;
  const who = by.human === undefined ? by.peer : `${by.human} (${by.peer})`;
  const before = decisions.slice(1).map((it) => `${it.as}, ${it.at}`);
  return [
    ['decided', [`${decision.as}, ${decision.at}, by ${who}`]],
    ['why', linesOf(decision.why)],
    ...(before.length === 0 ? [] : [['before', before] as const]),
  ];
}

function contentFields(content: Content): Fields {
  if (content.kind === 'dr') {
    return [
      ['status', [content.status]],
      ['context', linesOf(content.context)],
      ['options', content.options.map((it) => `${it.chosen ? '*' : '-'} ${it.title}`)],
      ['decision', linesOf(content.decision)],
      ['rationale', linesOf(content.rationale)],
      ['consequences', content.consequences],
    ];
  }
  const { patch, tests } = content;
  return [
    ['repository', [content.repository]],
    ['base', [content.base]],
    ['head', [content.head]],
    ['summary', linesOf(content.summary)],
    ['commits', content.commits],
    ['diffstat', linesOf(content.diffstat)],
    ['patch', [patch === undefined ? '' : `${patch.bytes} bytes; --patch prints it`]],
    ['tests', [`${tests.passed} passed, ${tests.failed} failed`]],
  ];
}

function linkLines({ links, content }: SubmissionView): readonly string[] {
  const all = links ?? content?.links.map((it) => ({ ...it, state: 'resolved' as const })) ?? [];
  return all.map(
    ({ rel, address, state }) =>
      `${rel} ${address}${state === 'unresolved' ? ' (nothing is there yet)' : ''}`,
  );
}

function linesOf(text: string): readonly string[] {
  return sanitizeText(text).split('\n');
}

function textOf(number: number | undefined): string {
  return number === undefined ? '' : String(number);
}
