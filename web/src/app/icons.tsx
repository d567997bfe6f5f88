import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const CameraIcon = () => (
  <Icon>
    <rect x="3" y="6.5" width="12.5" height="11" rx="2.5" />
    <path d="m15.5 11 5.5-3v8l-5.5-3" />
  </Icon>
);

export const PhotosIcon = () => (
  <Icon>
    <rect x="3.5" y="4.5" width="17" height="15" rx="2.5" />
    <circle cx="9" cy="10" r="1.6" />
    <path d="m4 17 5-4.2 3.5 3 3.5-3.6 4 4" />
  </Icon>
);

export const MirrorIcon = () => (
  <Icon>
    <path d="M12 4v16M8.5 7.5 4 16.5h4.5zM15.5 7.5l4.5 9h-4.5z" />
  </Icon>
);

export const WaveIcon = () => (
  <Icon>
    <path d="M3 14c3 0 3-6 6-6s3 8 6 8 3-5 6-5" />
  </Icon>
);

export const NeutralIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M9 10v.01M15 10v.01M8.5 15.5h7" />
  </Icon>
);

export const RestIcon = () => (
  <Icon>
    <circle cx="10" cy="8.5" r="4" />
    <path d="M3.5 19c.6-3.6 3-5.5 6.5-5.5M14.5 17.5h6" />
  </Icon>
);

export const PauseIcon = () => (
  <Icon>
    <path d="M8.5 5.5v13M15.5 5.5v13" />
  </Icon>
);

export const PlayIcon = () => (
  <Icon>
    <path d="M8 5.5v13l10-6.5z" />
  </Icon>
);

export const SnapshotIcon = () => (
  <Icon>
    <path d="M4 9V6.5A2.5 2.5 0 0 1 6.5 4H9M15 4h2.5A2.5 2.5 0 0 1 20 6.5V9M20 15v2.5a2.5 2.5 0 0 1-2.5 2.5H15M9 20H6.5A2.5 2.5 0 0 1 4 17.5V15" />
    <circle cx="12" cy="12" r="3.2" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m6 6 12 12M18 6 6 18" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <rect x="6.5" y="6.5" width="11" height="11" rx="2" />
  </Icon>
);

export const BinIcon = () => (
  <Icon>
    <path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10 10.5v5.5M14 10.5v5.5" />
  </Icon>
);

export const BackIcon = () => (
  <Icon>
    <path d="M19.5 12H5m0 0 5.5-5.5M5 12l5.5 5.5" />
  </Icon>
);

export const SaveIcon = () => (
  <Icon>
    <path d="M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M4.5 19.5h15" />
  </Icon>
);

export const LockIcon = () => (
  <Icon>
    <rect x="5" y="10.5" width="14" height="9.5" rx="2.5" />
    <path d="M8 10.5V8a4 4 0 0 1 8 0v2.5" />
  </Icon>
);

export const PlusIcon = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);

export const ChevronIcon = () => (
  <Icon>
    <path d="m7 10 5 5 5-5" />
  </Icon>
);

export const UnitsIcon = () => (
  <Icon>
    <path d="M4.5 6.5c1.5-1.5 3.5-1.5 5 0M14.5 6.5c1.5-1.5 3.5-1.5 5 0M8 16c2.5 3 5.5 3 8 0" />
    <circle cx="7.5" cy="10.5" r="0.8" />
    <circle cx="16.5" cy="10.5" r="0.8" />
  </Icon>
);
