// What stands where there is nothing yet: what to do, with a request that works as it stands.
import { useState } from 'preact/hooks';
import { endpoint } from '../api/http';
import { token } from '../state/session';
import { Icon } from './icons';

function request(query: string): string {
  const authorization = token.value ? " \\\n  -H 'Authorization: Bearer <your token>'" : '';
  return `curl ${endpoint.href} \\\n  -H 'Content-Type: application/json'${authorization} \\\n  -d '${JSON.stringify({ query })}'`;
}

// In single quotes of a shell, inside of JSON, inside of GraphQL: ids with quotes of any kind would end one of them.
function quoted(threadId: string): string {
  return /^[\w.:@/ -]+$/.test(threadId) ? threadId : 'my-thread';
}

export function Curl({ query }: { query: string }) {
  const [copied, setCopied] = useState(false);
  const text = request(query);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  return (
    <div class="curl">
      <pre tabIndex={0} role="group" aria-label="A request to try">
        <code>{text}</code>
      </pre>
      {navigator.clipboard && (
        <button type="button" class="plain" onClick={copy} aria-label="Copy the request" title="Copy">
          <Icon name="copy" />
          {copied && <span role="status">Copied</span>}
        </button>
      )}
    </div>
  );
}

export function NoThreads() {
  return (
    <div class="hollow">
      <p>No threads yet.</p>
      <p class="quiet">The first message makes one. This page shows it as it comes.</p>
      <Curl query={add('hello')} />
    </div>
  );
}

export function NoMessages({ threadId }: { threadId: string }) {
  return (
    <div class="hollow">
      <p>No messages yet.</p>
      <p class="quiet">Write one below, or send one from elsewhere. It appears here by itself.</p>
      <Curl query={add(quoted(threadId))} />
    </div>
  );
}

export function NoThread({ threadId }: { threadId: string }) {
  return (
    <div class="hollow">
      <p>
        There is no thread <span class="mono">{threadId}</span>.
      </p>
      <p class="quiet">It may have expired or been deleted. When somebody makes it, it appears here.</p>
      <Curl query={add(quoted(threadId))} />
    </div>
  );
}

function add(threadId: string): string {
  const message = '{type: HUMAN, content: "Hello there"}';
  return `mutation { addMessage(input: {threadId: "${threadId}", createIfMissing: true, message: ${message}}) { message { seq } } }`;
}
