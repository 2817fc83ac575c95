import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApolloProvider } from '@apollo/client/react';

import { Chat } from './Chat.jsx';
import { client } from './client.js';
import './chat.css';

const thread = new URLSearchParams(location.search).get('thread') ?? 'chat';

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <Chat key={thread} threadId={thread} />
    </ApolloProvider>
  </StrictMode>,
);
