import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The page and the API have one origin here, as they would have behind a proxy: no CORS to configure. The Host header stays, since the server
// lets pages of its own origin in and no others.
const server = process.env.AGENTSTATE_URL ?? 'http://127.0.0.1:8080';
const proxy = { '/graphql': { target: server, ws: true } };

export default defineConfig({ plugins: [react()], server: { host: '127.0.0.1', proxy }, preview: { host: '127.0.0.1', proxy } });
