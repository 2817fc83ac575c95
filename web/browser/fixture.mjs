// Threads to look at: conversations as agents hold them, with what the page must be able to show.
import { ask } from './page.mjs';

const hour = 3_600_000;

// A chart, made of a few bars: a picture that is in the message itself.
export const picture = `data:image/svg+xml;base64,${Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="150"><rect width="320" height="150" fill="#f2f5fa"/>' +
    [46, 58, 52, 71, 66, 84, 79, 97, 90, 112].map((h, i) => `<rect x="${16 + i * 29}" y="${134 - h}" width="20" height="${h}" rx="2" fill="#5b83dd"/>`).join('') +
    '<path d="M12 134.500h296" stroke="#8b93a3"/></svg>',
).toString('base64')}`;

function trip(now) {
  const at = (minutes) => new Date(now - minutes * 60_000).toISOString();
  return [
    {
      messageId: 's1', type: 'SYSTEM', timestamp: at(46),
      content: 'You plan trips. Look things up before you promise them, give prices in euro, and book only after the traveller has said yes.',
    },
    { messageId: 'h1', type: 'HUMAN', name: 'Mara', timestamp: at(45), content: 'Two of us want to go from Amsterdam to Lisbon on 12 March, back on the 16th. Near the river, please, under 600 € in all.' },
    {
      messageId: 'a1', type: 'AI', timestamp: at(44), content: 'I will look for flights and for rooms near the Tejo at the same time.',
      toolCalls: [
        { id: 'call_flights', name: 'search_flights', args: { from: 'AMS', to: 'LIS', out: '2027-03-12', back: '2027-03-16', seats: 2 } },
        { id: 'call_rooms', name: 'search_rooms', args: { city: 'Lisbon', near: 'Tejo', nights: 4, guests: 2 } },
      ],
      usage: { inputTokens: 412, outputTokens: 96, totalTokens: 508 },
    },
    {
      messageId: 't1', type: 'TOOL', toolCallId: 'call_flights', status: 'SUCCESS', timestamp: at(43.9),
      content: '{"offers":[{"id":18446744073709551615,"carrier":"TP","price":284.50,"bags":1},{"id":9007199254740993,"carrier":"KL","price":322.00,"bags":2}]}',
    },
    { messageId: 't2', type: 'TOOL', toolCallId: 'call_rooms', status: 'ERROR', timestamp: at(43.7), content: 'The supplier did not answer within 10 s.' },
    {
      messageId: 'a2', type: 'AI', timestamp: at(42),
      content: 'Flights first; the room search timed out, and I am trying it again.\n\n| flight | out | back | for both |\n|---|---|---|---|\n| **TAP** | 09:40 | 18:05 | 284.50 € |\n| KLM | 12:15 | 20:40 | 322.00 € |\n\nWith TAP there are **315.50 €** left for four nights. That is enough for Alfama or Cais do Sodré:\n\n1. Alfama is quiet, and up the hill.\n2. Cais do Sodré is *at* the river, and awake until late.',
      toolCalls: [{ id: 'call_rooms_2', name: 'search_rooms', args: { city: 'Lisbon', near: 'Tejo', nights: 4, guests: 2, timeout: 30 } }],
      usage: { inputTokens: 933, outputTokens: 188, totalTokens: 1121 },
    },
    { messageId: 'h2', type: 'HUMAN', name: 'Mara', timestamp: at(12), content: 'TAP is fine. How do you add up the price? I would like to check it myself.' },
    {
      messageId: 'a3', type: 'AI', timestamp: at(11),
      content: 'Like this, with the taxes that both airports take:\n\n```python\ndef total(fare: float, seats: int, tax: float = 38.25) -> float:\n    """The price for all seats, taxes included."""\n    return round(seats * (fare + tax), 2)\n\n\nassert total(104.00, 2) == 284.50\n```\n\nThe fare alone is `104.00 €` for each of you.',
      usage: { inputTokens: 1204, outputTokens: 143, totalTokens: 1347 },
    },
    {
      messageId: 'h3', type: 'HUMAN', name: 'Mara', timestamp: at(4),
      content: [{ type: 'text', text: 'And is this the price chart that you mean?' }, { type: 'image_url', image_url: { url: picture } }],
    },
    {
      messageId: 'a4', type: 'AI', timestamp: at(3), content: 'Yes: prices for Lisbon rise from here on. Shall I book the two seats with TAP for 284.50 €?',
      usage: { inputTokens: 1522, outputTokens: 41, totalTokens: 1563 },
    },
  ];
}

const others = [
  ['order-7231', 'Refund for a broken lamp', 14], ['order-7230', 'Where is my parcel?', 6], ['support/anna/42', '', 31], ['buoy-watch', 'Harbour buoys, morning round', 212],
  ['code-review-118', 'Review of the CSV importer', 48], ['order-7198', 'Two sizes too small', 9], ['rechnung-4711', 'Abschlag doppelt so hoch', 17],
  ['019ab2c4-7d1e-7c3a-9b0e-52d1f6a7c001', '', 3], ['night-shift', 'What happened while you slept', 77],
];

const create = `mutation ($input: CreateAgentStateInput!) { createAgentState(input: $input) { agentState { version } } }`;

/** Makes the threads on the server at `base`, the trip last, with ids behind `prefix`. Gives the id of the trip. */
export async function furnish(prefix = '', base = undefined) {
  const send = (query, variables) => ask(query, variables, base);
  const now = Date.now();
  for (const [id, title, messages] of [...others].reverse()) {
    const many = Array.from({ length: messages }, (_, i) => ({ type: i % 2 ? 'AI' : 'HUMAN', content: `Message ${i + 1}`, timestamp: new Date(now - (messages - i) * 90_000 - hour).toISOString() }));
    await send(create, { input: { threadId: prefix + id, metadata: title ? { title } : {}, messages: many } });
  }
  const threadId = `${prefix}trip-lisbon`;
  await send(create, {
    input: {
      threadId, ttlSeconds: 14 * 86_400, relevant: true, metadata: { title: 'Lisbon for two in March', owner: 'mara', tags: ['travel', 'beta'] },
      context: 'Two travellers, AMS to LIS, 12 to 16 March, 600 € in all. Want to be near the river. TAP for 284.50 € accepted; not booked yet.',
      messages: trip(now),
    },
  });
  await send('mutation ($input: AddPlanInput!) { addPlan(input: $input) { plan { planId } } }', {
    input: { threadId, subtasks: ['Find flights under 350 €', 'Find a room near the Tejo', 'Ask before booking anything', 'Book, and send the papers'] },
  });
  await send('mutation ($input: AddToolCallInput!) { addToolCall(input: $input) { toolCall { toolId } } }', {
    input: { threadId, tool: 'search_flights', parameters: { from: 'AMS', to: 'LIS' }, toolResponse: { offers: 2 } },
  });
  return threadId;
}

/** Makes a thread of `count` messages of different heights. */
export async function long(threadId, count) {
  await ask(create, { input: { threadId, metadata: { title: `${count} messages` } } });
  const add = 'mutation ($input: AddMessagesInput!) { addMessages(input: $input) { duplicates } }';
  for (let first = 1; first <= count; first += 500) {
    const messages = Array.from({ length: Math.min(500, count - first + 1) }, (_, i) => {
      const n = first + i;
      return { type: n % 2 ? 'HUMAN' : 'AI', content: `**Message ${n}**\n\n${'Some words of no meaning. '.repeat((n * 7) % 30)}` };
    });
    await ask(add, { input: { threadId, messages } });
  }
}
