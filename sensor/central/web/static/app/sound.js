// An audible alert for who asked for one: two soft tones, made here, no file.

let context = null;

/** Browsers let a page sound only after a click: call it from one. */
export function allowSound() {
  context ??= new AudioContext();
  return context.resume();
}

export function chime() {
  if (!context || context.state !== "running") return;
  [660, 880].forEach((pitch, index) => {
    const start = context.currentTime + index * 0.22;
    const tone = context.createOscillator(), level = context.createGain();
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0, start);
    level.gain.linearRampToValueAtTime(0.25, start + 0.02);
    level.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
    tone.connect(level).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.55);
  });
}
