import { commandLine, headLines } from './description.ts';
import type { ServiceSpec } from './types.ts';

/** What a property list is made for. */
export interface PlistInit {
  readonly label: string;
  /** The file that stdout and stderr go to, absolute. */
  readonly logFile: string;
  /** Who it runs as; only in one of the system. */
  readonly user?: string | undefined;
}

type PlistValue =
  | string
  | number
  | boolean
  | readonly string[]
  | { readonly [key: string]: PlistValue };

/** The longest that `up` takes to end is 5 s; then launchd kills. */
const EXIT_TIMEOUT_S = 10;
/** launchd knows no exit code after which it should not try again, so it tries seldom. */
const THROTTLE_INTERVAL_S = 10;
/** launchd takes the number in decimal: 0o077. */
const UMASK = 0o077;
const OPEN_FILES = 8_192;

const DOCTYPE =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" ' +
  '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">';

/** The text of a launchd property list (launchd.plist(5)). */
export function plistText(spec: ServiceSpec, init: PlistInit): string {
  const values: { readonly [key: string]: PlistValue } = {
    Label: init.label,
    ...(init.user === undefined ? {} : { UserName: init.user }),
    ProgramArguments: commandLine(spec),
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: THROTTLE_INTERVAL_S,
    ExitTimeOut: EXIT_TIMEOUT_S,
    Umask: UMASK,
    SoftResourceLimits: { NumberOfFiles: OPEN_FILES },
    StandardOutPath: init.logFile,
    StandardErrorPath: init.logFile,
  };
  const [head, home] = headLines(spec);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${head}
     ${home} -->
${DOCTYPE}
<plist version="1.0">
${valueText(values, '')}
</plist>
`;
}

function valueText(value: PlistValue, indent: string): string {
  if (typeof value === 'string') return `${indent}<string>${xmlText(value)}</string>`;
  if (typeof value === 'number') return `${indent}<integer>${value}</integer>`;
  if (typeof value === 'boolean') return `${indent}<${value}/>`;
  const inner = `${indent}  `;
  const isList = isTexts(value);
  const lines = isList
    ? value.map((item) => valueText(item, inner))
    : Object.entries(value).flatMap(([key, item]) => [
        `${inner}<key>${xmlText(key)}</key>`,
        valueText(item, inner),
      ]);
  const tag = isList ? 'array' : 'dict';
  return [`${indent}<${tag}>`, ...lines, `${indent}</${tag}>`].join('\n');
}

function isTexts(value: PlistValue): value is readonly string[] {
  return Array.isArray(value);
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
