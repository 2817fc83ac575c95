// Makes a screenshot small: Chromium writes 32 bits a pixel, and of a page of text and lines 256 colours leave nothing to see.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function* chunks(png) {
  for (let at = signature.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
    yield [png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + png.readUInt32BE(at))];
  }
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// The colours of the pixels as 24 bits each, of an image of 8 bits for each of 3 or 4 channels (PNG specification, section 9).
function pixels(png) {
  const header = [...chunks(png)].find(([type]) => type === 'IHDR')[1];
  const [width, height, channels] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9] === 6 ? 4 : 3];
  const raw = inflateSync(Buffer.concat([...chunks(png)].filter(([type]) => type === 'IDAT').map(([, data]) => data)));
  const stride = width * channels;
  const colours = new Uint32Array(width * height);
  let above = Buffer.alloc(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const line = Buffer.from(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let x = 0; x < stride; x++) {
      const [a, b, c] = x < channels ? [0, above[x], 0] : [line[x - channels], above[x], above[x - channels]];
      line[x] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter];
    }
    for (let x = 0; x < width; x++) colours[y * width + x] = line.readUIntBE(x * channels, 3);
    above = line;
  }
  return { width, height, colours };
}

const distance = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;

// Colours nearer to each other than this are one where there are too many: some 10 of 255 in each channel.
const near = 300;

/**
 * Gives the same picture with a palette of 256 colours: those that it has most of, and for each other one the nearest of them. What is
 * far from all others has its place even where there is little of it, or a red word would come out grey.
 */
export function small(png) {
  const { width, height, colours } = pixels(png);
  const counts = new Map();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([colour]) => colour);
  const apart = [];
  for (const colour of common) if (apart.length < 200 && apart.every((each) => distance(colour, each) >= near)) apart.push(colour);
  const palette = [...new Set([...apart, ...common])].slice(0, 256);
  const index = new Map(palette.map((colour, i) => [colour, i]));
  for (const colour of counts.keys()) {
    if (index.has(colour)) continue;
    let best = 0;
    for (let i = 1; i < palette.length; i++) if (distance(colour, palette[i]) < distance(colour, palette[best])) best = i;
    index.set(colour, best);
  }
  const lines = Buffer.alloc(height * (width + 1)); // each begins with its filter: none
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) lines[y * (width + 1) + 1 + x] = index.get(colours[y * width + x]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  const table = Buffer.alloc(palette.length * 3);
  palette.forEach((colour, i) => table.writeUIntBE(colour, i * 3, 3));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('PLTE', table), chunk('IDAT', deflateSync(lines, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
