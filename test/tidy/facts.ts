/** One import, re-export, dynamic import or `import('x')` type. */
export interface ImportFact {
  readonly specifier: string;
  readonly line: number;
  /** Erased by the compiler: `import type`, only `type` names, or a type query. */
  readonly isType: boolean;
  /** `import()` as an expression: runs later, so it makes no cycle. */
  readonly isDynamic: boolean;
}

/** One function, method, constructor or closure with a body. */
export interface FunctionFact {
  readonly name: string;
  readonly line: number;
  readonly lineCount: number;
  readonly parameterCount: number;
  /** The call that it was handed to (`describe`, `it.each`), when it is an argument. */
  readonly passedTo: string | undefined;
}

/** One exported name, `*` for a star. `from` is set when it comes out of another file. */
export interface ExportFact {
  readonly name: string;
  readonly line: number;
  readonly isDocumented: boolean;
  readonly from: string | undefined;
  /** The name in the file that it comes from. */
  readonly original: string;
}

/** A free name in use, `await` and `async` included; `Math.random` and the like as one name. */
export interface UseFact {
  readonly name: string;
  readonly line: number;
}

/** One call of a dotted name: `it.skip('…')`. */
export interface CallFact {
  readonly callee: string;
  readonly line: number;
  /** The last argument is a text. */
  readonly endsInText: boolean;
  readonly argumentCount: number;
}

/** A property of an object literal with the comment above it. */
export interface PropertyFact {
  readonly name: string;
  readonly line: number;
  readonly comment: string | undefined;
}

/** What the rules need to know of one TypeScript file. */
export interface Facts {
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  readonly imports: readonly ImportFact[];
  readonly functions: readonly FunctionFact[];
  readonly exports: readonly ExportFact[];
  readonly uses: readonly UseFact[];
  readonly calls: readonly CallFact[];
  readonly texts: readonly UseFact[];
  readonly properties: readonly PropertyFact[];
}
