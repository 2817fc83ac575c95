// The state of a thread beside its messages.
import type { ComponentChildren } from 'preact';
import type { ThreadState, ToolRun } from '../api/types';
import type { Thread } from '../state/thread';
import { showDialog } from './dialogs';
import { Expiry } from './expiry';
import { clock, count, exact, several, stamp } from './format';
import { Icon } from './icons';
import { JsonBlock, oneLine } from './json';
import { Plots } from './plots';

export function StatePanel({ thread }: { thread: Thread }) {
  const state = thread.state.value;
  if (!state) return null;
  const gone = thread.presence.value !== 'there';
  return (
    <aside class="panel scroller" aria-label="State of the thread" tabIndex={0}>
      <Section title="Expires">{gone ? <p class="quiet">It is gone.</p> : <Expiry thread={thread} />}</Section>
      <Section
        title="Context"
        action={
          !gone && (
            <button type="button" class="plain" onClick={() => showDialog('context')}>
              <Icon name="edit" /> Edit
            </button>
          )
        }
      >
        {state.context ? <p class="context">{state.context}</p> : <p class="quiet">Empty. An agent keeps here what it must not forget.</p>}
      </Section>
      <Section title="Plan">
        <Plans state={state} />
      </Section>
      <Section title="Facts">
        <Facts state={state} />
      </Section>
      <Section title="Activity">
        <Plots activity={thread.activity} />
      </Section>
      {state.toolCalls.length > 0 && (
        <Section title="Tool runs">
          {state.toolCalls.map((run) => (
            <Run key={run.toolId} run={run} />
          ))}
        </Section>
      )}
      <Section title="Metadata">
        {isEmpty(state.metadata) ? <p class="quiet">None.</p> : <JsonBlock value={state.metadata} label="Metadata" />}
      </Section>
      {!gone && (
        <div class="section">
          <button type="button" class="danger-quiet" onClick={() => showDialog('delete')}>
            <Icon name="trash" /> Delete thread…
          </button>
        </div>
      )}
    </aside>
  );
}

function Section({ title, action, children }: { title: string; action?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section">
      <div class="section-head">
        <h2>{title}</h2>
        {action}
      </div>
      {children}
    </section>
  );
}

function Plans({ state }: { state: ThreadState }) {
  if (state.plan.length === 0) return <p class="quiet">None.</p>;
  return (
    <>
      {state.plan.map(({ planId, subtasks, createdAt }) => (
        <div key={planId} class="plan">
          <ol>
            {subtasks.map((task, index) => (
              <li key={index}>{task}</li>
            ))}
          </ol>
          <p class="quiet" title={exact(createdAt)}>
            made at {clock(createdAt)}
          </p>
        </div>
      ))}
    </>
  );
}

function Facts({ state }: { state: ThreadState }) {
  const { human, ai, system, tool, other, total } = state.messageCounts;
  const parts: [string, number][] = [['human', human], ['AI', ai], ['system', system], ['tool', tool], ['other', other]];
  return (
    <dl class="facts-list">
      <dt>Version</dt>
      <dd class="number">{count(state.version)}</dd>
      <dt>Messages</dt>
      <dd>
        <span class="number">{count(total)}</span>
        <span class="quiet parts">{parts.filter(([, n]) => n > 0).map(([name, n]) => `${count(n)} ${name}`).join(', ')}</span>
      </dd>
      <dt>Relevant</dt>
      <dd>{state.relevant ? 'Yes' : 'No'}</dd>
      {state.pendingToolCalls.length > 0 && (
        <>
          <dt>Waiting</dt>
          <dd>{several(state.pendingToolCalls.length, 'tool call')}</dd>
        </>
      )}
      <dt>Created</dt>
      <dd>
        <When instant={state.createdAt} />
      </dd>
      <dt>Updated</dt>
      <dd>
        <When instant={state.lastUpdated} />
      </dd>
    </dl>
  );
}

function Run({ run }: { run: ToolRun }) {
  return (
    <details class="fold">
      <summary>
        <span class="fold-name">{run.tool}</span>
        <span class="fold-hint">{oneLine(run.parameters)}</span>
        {run.toolResponse === null && <span class="state state-waiting">waiting</span>}
      </summary>
      <div class="fold-body">
        <p class="label">Parameters</p>
        <JsonBlock value={run.parameters} label={`Parameters of ${run.tool}`} />
        {run.toolResponse !== null && (
          <>
            <p class="label">Response</p>
            <JsonBlock value={run.toolResponse} label={`Response of ${run.tool}`} />
          </>
        )}
        <p class="quiet">
          <When instant={run.createdAt} />
        </p>
      </div>
    </details>
  );
}

function When({ instant }: { instant: string }) {
  return (
    <time dateTime={instant} title={instant}>
      {stamp(instant)}
    </time>
  );
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}
