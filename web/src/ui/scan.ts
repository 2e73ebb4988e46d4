// Reads bar codes and QR codes out of a video: by the browser where it can, else by ZXing, which is loaded then.

/** Returns the text of a code in the picture, where there is one. */
export type Read = (video: HTMLVideoElement) => Promise<string | undefined>;

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type Detectors = { new (options?: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> };

let known: Promise<Read> | undefined;

/** Returns what reads codes; made once. */
export function reader(): Promise<Read> {
  known ??= ofBrowser().then((found) => found ?? ofZxing());
  return known;
}

async function ofBrowser(): Promise<Read | undefined> {
  const Detectors = (window as { BarcodeDetector?: Detectors }).BarcodeDetector;
  // Some browsers have the interface and nothing behind it.
  const formats = (await Detectors?.getSupportedFormats().catch(() => [])) ?? [];
  if (!Detectors || !formats.includes('qr_code')) return undefined;
  const detector = new Detectors({ formats });
  return async (video) => (await detector.detect(video).catch(() => []))[0]?.rawValue || undefined;
}

async function ofZxing(): Promise<Read> {
  const { BinaryBitmap, HTMLCanvasElementLuminanceSource, HybridBinarizer, MultiFormatReader } = await import('@zxing/library');
  const codes = new MultiFormatReader();
  codes.setHints(new Map());
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, 960 / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context?.drawImage(video, 0, 0, canvas.width, canvas.height);
    try {
      return codes.decode(new BinaryBitmap(new HybridBinarizer(new HTMLCanvasElementLuminanceSource(canvas)))).getText();
    } catch {
      // No code in this picture.
      return undefined;
    }
  };
}
