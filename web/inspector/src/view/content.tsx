// The content of a message: a text, or blocks as OpenAI, Anthropic and LangChain write them.
import type { Json } from '../api/types';
import { JsonBlock } from './json';
import { markdown } from './markdown';

type Block = { [key: string]: Json };

/** A text as Markdown. */
export function Text({ text }: { text: string }) {
  return <div class="prose" dangerouslySetInnerHTML={{ __html: markdown(text) }} />;
}

export function Content({ content }: { content: Json }) {
  if (typeof content === 'string') return content === '' ? null : <Text text={content} />;
  if (!Array.isArray(content)) return <JsonBlock value={content} label="Content" />;
  return (
    <div class="blocks">
      {content.map((block, index) => (
        <ContentBlock key={index} block={block} />
      ))}
    </div>
  );
}

function ContentBlock({ block }: { block: Json }) {
  if (typeof block === 'string') return <Text text={block} />;
  if (block === null || typeof block !== 'object' || Array.isArray(block)) return <JsonBlock value={block} label="Content block" />;
  const type = typeof block.type === 'string' ? block.type : 'block';
  if (typeof block.text === 'string' && /^(?:input_|output_)?text$/.test(type)) return <Text text={block.text} />;
  const image = imageOf(block);
  if (image) return <Image address={image} />;
  const thought = thoughtOf(block);
  if (thought) {
    return (
      <Fold summary="Reasoning" hint={thought}>
        <Text text={thought} />
      </Fold>
    );
  }
  return (
    <Fold summary={type.replaceAll('_', ' ')} hint="">
      <JsonBlock value={block} label={`Content block of type ${type}`} />
    </Fold>
  );
}

function Fold({ summary, hint, children }: { summary: string; hint: string; children: preact.ComponentChildren }) {
  return (
    <details class="fold">
      <summary>
        <span class="fold-name">{summary}</span>
        <span class="fold-hint">{hint.slice(0, 160)}</span>
      </summary>
      <div class="fold-body">{children}</div>
    </details>
  );
}

const text = (value: Json | undefined) => (typeof value === 'string' ? value : '');
const object = (value: Json | undefined): Block =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};

// The address of an image block: {image_url: {url}} and {image_url} (OpenAI), {source: {media_type, data}} and {source: {url}}
// (Anthropic), {base64 or data, mime_type} and {url} (LangChain). Empty where it is none.
function imageOf(block: Block): string {
  if (!/image/.test(text(block.type))) return '';
  const source = object(block.source);
  const data = text(source.data) || text(block.base64) || text(block.data);
  const mime = text(source.media_type) || text(block.mime_type) || 'image/png';
  if (data && !data.startsWith('data:')) return `data:${mime};base64,${data}`;
  return data || text(object(block.image_url).url) || text(block.image_url) || text(source.url) || text(block.url);
}

function thoughtOf(block: Block): string {
  return /^(?:thinking|reasoning)$/.test(text(block.type)) ? text(block.thinking) || text(block.reasoning) || text(block.text) : '';
}

// Only what is in the message itself is loaded: a picture from elsewhere would tell its host who reads which thread.
function Image({ address }: { address: string }) {
  if (/^data:image\/[\w.+-]+[;,]/.test(address)) return <img class="picture" src={address} alt="Image in the message" />;
  if (!/^https?:\/\//.test(address)) return <p class="quiet">An image that cannot be shown: {address.slice(0, 100)}</p>;
  return (
    <p class="elsewhere">
      <a href={address} target="_blank" rel="noopener noreferrer">
        Image at {new URL(address).host}
      </a>
      <span class="quiet">not loaded by this page</span>
    </p>
  );
}
