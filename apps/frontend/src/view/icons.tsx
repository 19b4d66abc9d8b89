/** A hull in its dock; the same drawing as public/favicon.svg. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="hull" d="M6 13h20l-3.2 8.6a2 2 0 0 1-1.9 1.4h-9.8a2 2 0 0 1-1.9-1.4z" />
      <path class="hull" d="M15 4h2v7h-2zM17.5 4.5 23 8l-5.5 2.5z" />
      <path class="dock" d="M2 15v13h28V15h-3v10H5V15z" />
    </svg>
  );
}
