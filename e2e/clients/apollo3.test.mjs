import { test } from 'node:test';
import { suite } from './apollo.mjs';
import { apollo3 } from './apollo3.mjs';
import { limit } from './server.mjs';

for (const [name, run] of suite(apollo3)) test(name, limit, run);
