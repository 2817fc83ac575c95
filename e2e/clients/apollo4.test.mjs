import { test } from 'node:test';
import { suite } from './apollo.mjs';
import { apollo4 } from './apollo4.mjs';
import { limit } from './server.mjs';

for (const [name, run] of suite(apollo4)) test(name, limit, run);
