/** Rules for tests, as Python writes them today; `tests/web` runs the page by the true ones. */
export const SCENES = {
  min_scene_correlation: 0.5,
  min_person_correlation: 0.55,
  moved_correlation: 0.7,
  columns: 32,
  rows: 18,
  samples: 4,
  max_shift_across: 8,
  max_shift_down: 4,
  appearance_px: 16,
  detail_px: 4,
  min_contrast: 2,
  margin: 5,
  min_pixels_share: 0.25,
};

export const PEOPLE = {
  enough: [
    { score: 0.9, detections: 1, duration_s: 0 },
    { score: 0.8, detections: 2, duration_s: 0.2 },
    { score: 0, detections: 3, duration_s: 0.5 },
  ],
  min_share: 0.5,
  min_share_searches: 3,
};
