// A subscription: one WebSocket, made anew for as long as somebody follows, and a log of what came.
import { type Client, CloseCode, createClient, type FormattedExecutionResult } from 'graphql-ws';
import type { DocumentNode, OperationDefinitionNode } from 'graphql';
import { keepDigits } from '../../../inspector/src/api/json';
import { endpoint } from './http';
import { type Request, type Resumption, resumptionOf } from './resume';

/** On its way, up, lost and tried again, or over. */
export type State = 'connecting' | 'live' | 'lost' | 'over';

export interface Line {
  id: number;
  at: Date;
  /** What came, as JSON; or something about the connection. */
  text: string;
  note: boolean;
}

export interface Observer {
  next: (result: FormattedExecutionResult<Record<string, unknown>, unknown>) => void;
  error: (errors: readonly { message: string }[]) => void;
  complete: () => void;
}

// The log keeps as much; the count goes on.
const kept = 200;
// A WebSocket whose other end is gone without a word looks open: it is asked, and has as long to answer.
const pingEvery = 10_000;
const pongWithin = 5_000;
const longestWait = 10_000;

export class Stream {
  readonly name: string;
  state: State = 'connecting';
  count = 0;
  lines: readonly Line[] = [];
  private written = 0;
  private cursor: string | undefined;
  private readonly resumption: Resumption | undefined;
  private readonly client: Client;

  /** Begins to follow. `tab` is the one that it was started in; `changed` is called whenever there is something to show. */
  constructor(
    private readonly request: Request,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    headers: Record<string, unknown> | undefined,
    private observer: Observer | undefined,
    readonly tab: string,
    private readonly changed: () => void,
  ) {
    this.name = operation.name?.value ?? 'subscription';
    this.resumption = resumptionOf(document, operation);
    this.client = this.connection(headers);
    this.follow();
  }

  /** Ends it, for the reader's wish. */
  stop(): void {
    if (this.state !== 'over') this.finish('Stopped.');
  }

  /** Leaves it running for the log alone. */
  detach(): void {
    this.observer = undefined;
  }

  private connection(headers: Record<string, unknown> | undefined): Client {
    let socket: WebSocket | undefined;
    let silence: ReturnType<typeof setTimeout> | undefined;
    return createClient({
      url: endpoint.href.replace(/^http/, 'ws'),
      // A browser cannot set headers on a WebSocket: what the Headers editor has is the payload of connection_init.
      ...(headers && { connectionParams: headers }),
      retryAttempts: Infinity,
      shouldRetry: (event) => (event as CloseEvent).code !== CloseCode.Forbidden,
      retryWait: (tries) => new Promise((done) => setTimeout(done, Math.min(250 * 2 ** tries, longestWait) * (0.75 + Math.random() / 2))),
      keepAlive: pingEvery,
      jsonMessageReviver: keepDigits,
      on: {
        opened: (opened) => {
          socket = opened as WebSocket;
        },
        connected: (_socket, _payload, again) => this.connected(again),
        ping: (received) => {
          if (!received) silence = setTimeout(() => socket?.readyState === WebSocket.OPEN && socket.close(4408, 'no answer to a ping'), pongWithin);
        },
        pong: (received) => received && clearTimeout(silence),
        closed: () => {
          clearTimeout(silence);
          if (this.state === 'live') this.say('The connection is lost. It is tried again.', 'lost');
        },
      },
    });
  }

  private connected(again: boolean): void {
    if (this.state === 'over') return;
    if (!again) return this.say('', 'live');
    if (this.cursor) return this.say('Connected again, behind the last cursor: nothing is missed.', 'live');
    const why = this.resumption ? 'there was no cursor yet' : 'the operation has no “after” with a “cursor” to go on behind';
    this.say(`Connected again. What happened in between is not here, because ${why}.`, 'live');
  }

  private follow(): void {
    const asked = () => (this.cursor && this.resumption ? this.resumption.behind(this.request, this.cursor) : this.request);
    // graphql-ws writes the payload anew for each connection, and reads it then.
    const payload = {
      operationName: this.request.operationName ?? null,
      get query() {
        return asked().query;
      },
      get variables() {
        return asked().variables ?? {};
      },
    };
    this.client.subscribe<Record<string, unknown>>(payload, {
      next: (result) => {
        if (this.state === 'over') return;
        this.cursor = this.resumption?.cursorOf(result.data) ?? this.cursor;
        this.count++;
        this.write(JSON.stringify(result.errors ? result : result.data), false);
        this.observer?.next(result);
      },
      error: (error) => this.fail(error),
      complete: () => {
        if (this.state === 'over') return;
        this.observer?.complete();
        this.finish('The server has completed it.');
      },
    });
  }

  private fail(error: unknown): void {
    if (this.state === 'over') return;
    const { code, reason } = (error ?? {}) as Partial<CloseEvent>;
    const errors = Array.isArray(error) ? (error as { message: string }[]) : [{ message: code ? `${code} ${reason}` : String(error) }];
    this.observer?.error(errors);
    this.finish(errors.map(({ message }) => message).join(' '));
  }

  private finish(why: string): void {
    this.say(why, 'over');
    this.detach();
    void this.client.dispose();
  }

  private say(text: string, state: State): void {
    this.state = state;
    if (text) this.write(text, true);
    else this.changed();
  }

  private write(text: string, note: boolean): void {
    this.lines = [...this.lines, { id: this.written++, at: new Date(), text, note }].slice(-kept);
    this.changed();
  }
}
