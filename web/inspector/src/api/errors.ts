// What can go wrong between this page and the server. The server's own sentence says what to do; it is shown as it is.

interface ServerError {
  message: string;
  extensions?: { code?: string; retryAfterSeconds?: number; currentVersion?: number };
}

/** An answer that is a refusal: `message` is for people, `code` one of extensions.code. */
export class Refused extends Error {
  readonly code: string;
  readonly currentVersion: number | undefined;

  constructor({ message, extensions }: ServerError) {
    super(message);
    this.name = 'Refused';
    this.code = extensions?.code ?? 'INTERNAL_SERVER_ERROR';
    this.currentVersion = extensions?.currentVersion;
  }
}

/** No answer at all. It says nothing of whether a mutation has been executed. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer.');
    this.name = 'Unreachable';
  }
}

/** The first of the errors of an answer: a client that sends one root field at a time has no other that matters. */
export function refusal(errors: readonly unknown[]): Refused {
  return new Refused(errors[0] as ServerError);
}

/** The sentence for people. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error is of this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Refused && error.code === code;
}
