// Photos: made smaller, named by their hash as the unit names them, kept until the unit has them.

import { addressOf, call } from '../api/client';
import { Problem } from '../api/problem';
import { session } from '../app/session.svelte';
import { isPassing } from './send';
import { get, put } from './store';

const edgeMax = 1_600;
const quality = 0.82;

/** Returns a JPEG whose longer edge is `edgeMax` at most, upright. */
export async function smaller(file: Blob): Promise<Blob> {
  const image = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, edgeMax / Math.max(image.width, image.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser cannot draw');
  // What was transparent would come out black.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the photo could not be read'))), 'image/jpeg', quality);
  });
}

/** Keeps a photo or document and answers its name. It goes to the unit at once where that can be reached. */
export async function keepFile(chosen: Blob): Promise<string> {
  const blob = chosen.type.startsWith('image/') ? await smaller(chosen) : chosen;
  if (!crypto.subtle) {
    // A page without TLS knows no hashes, and no work without network: the unit names the file.
    const added = (await call('file.create', {}, { body: blob, media: blob.type })) as { file: string };
    return added.file;
  }
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  const file = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const user = session.principal;
  await put('files', { user, file, blob, isSent: false });
  void sendFile(file).catch(() => {});
  return file;
}

/** Sends a file that the unit does not have yet. */
export async function sendFile(file: string): Promise<void> {
  const kept = await get('files', [session.principal, file]);
  if (!kept || kept.isSent) return;
  await call('file.create', {}, { body: kept.blob, media: kept.blob.type, quiet: true, once: true });
  await put('files', { ...kept, isSent: true });
}

/** Returns those of some files that still have to be sent. */
export async function unsent(files: string[]): Promise<string[]> {
  const kept = await Promise.all(files.map((file) => get('files', [session.principal, file]).catch(() => undefined)));
  return files.filter((_, index) => kept[index] && !kept[index].isSent);
}

/** Sends all that is needed before a task is completed; answers false where that has to wait. */
export async function sendFiles(files: string[]): Promise<boolean> {
  try {
    for (const file of files) await sendFile(file);
    return true;
  } catch (thrown) {
    const problem = Problem.of(thrown);
    if (isPassing(problem)) return false;
    throw problem;
  }
}

/** Returns an address of the bytes, and how to let go of it. */
export async function addressOfFile(file: string): Promise<{ url: string; free: () => void }> {
  const kept = await get('files', [session.principal, file]).catch(() => undefined);
  if (!kept) return { url: addressOf('file.read', { name: file }), free: () => {} };
  const url = URL.createObjectURL(kept.blob);
  return { url, free: () => URL.revokeObjectURL(url) };
}

/** True for what names a file of the unit. */
export const isFile = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** Returns the names of files in values, however deep. */
export function filesIn(value: unknown): string[] {
  if (isFile(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(filesIn);
  return value && typeof value === 'object' ? Object.values(value).flatMap(filesIn) : [];
}
