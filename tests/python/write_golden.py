"""Writes tests/golden/*.safetensors: what Hugging Face's models compute with small random weights.

The tests run our own towers on the same weights and inputs and compare. Nothing here is needed to
run them; run this only to make the files again. The same versions give the same bytes.

Command (from the workspace root; one thread, one second):
    python tests/python/write_golden.py
Versions the committed files were made with: Python 3.12.1, torch 2.11.0, transformers 5.23.0,
safetensors 0.8.0.

Each file holds the weights under the names of Hugging Face's own files, the inputs as `input.*`,
the results as `output.*`, and one metadata entry `about`, a JSON object with the sizes and
versions. Everything is computed in double precision on weights that were rounded to single
precision first, then stored in single precision.

* clip_text.safetensors    CLIPModel's text tower -> `output.text_embeds` (projected, not
                           normalised)
* clip_vision.safetensors  CLIPModel's vision tower -> `output.image_embeds` (pooled, projected, not
                           normalised), and `output.dense_embeds`: the dense features of CAT-Seg,
                           written out below
* dino_vit.safetensors     ViTModel as DINO uses it -> `output.last_hidden_state` (every token after
                           the final norm)
"""

import json
import pathlib
import tempfile

import safetensors.torch
import torch
import transformers

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "golden"
SEED = 20


def randomise(model: torch.nn.Module) -> None:
    """Gives every parameter a value that shows in the output.

    The usual start (zero biases, unit norms) hides mistakes.
    """
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            values = values * 0.2 + (1.0 if name.endswith("weight") else 0.0)
        elif "embed" in name:
            # So small that the first norm's epsilon shows.
            fan_in = parameter[0].numel() if parameter.dim() == 4 else 1
            values = values * 0.03 / fan_in**0.5
        elif name.endswith("bias"):
            values = values * 0.2
        else:
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            # Scores of attention far enough apart that its softmax is not flat.
            gain = 2.0 if "q_proj" in name or "k_proj" in name else 1.0
            values = values * gain / fan_in**0.5
        parameter.data = values.to(torch.float64)


def published_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights under the names in files, which transformers 5 no longer uses in memory."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.torch.load_file(pathlib.Path(folder) / "model.safetensors")


def save(name: str, sizes: dict, tensors: dict[str, torch.Tensor]) -> None:
    about = {
        "made_by": "tests/python/write_golden.py",
        "seed": SEED,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sizes": sizes,
    }
    stored = {
        key: (value.to(torch.float32) if value.is_floating_point() else value).contiguous()
        for key, value in sorted(tensors.items())
    }
    path = FOLDER / name
    safetensors.torch.save_file(stored, path, metadata={"about": json.dumps(about)})
    print(
        f"{path.relative_to(FOLDER.parents[1])}: {len(stored)} tensors, {path.stat().st_size} bytes"
    )


def clip() -> transformers.CLIPModel:
    tower = dict(
        hidden_size=32, intermediate_size=128, num_attention_heads=4, hidden_act="quick_gelu"
    )
    tower.update(attention_dropout=0.0, layer_norm_eps=1e-5)
    text = dict(tower, vocab_size=64, max_position_embeddings=16, num_hidden_layers=2)
    text.update(bos_token_id=62, eos_token_id=63, pad_token_id=0)
    vision = dict(tower, image_size=32, patch_size=8, num_hidden_layers=3)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    config._attn_implementation = "eager"
    model = transformers.CLIPModel(config).double().eval()
    randomise(model)
    return model


def clip_sizes(config: transformers.PreTrainedConfig) -> dict:
    keys = [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "hidden_act",
        "layer_norm_eps",
    ]
    keys += [
        key
        for key in ["vocab_size", "max_position_embeddings", "image_size", "patch_size"]
        if hasattr(config, key)
    ]
    return {key: getattr(config, key) for key in keys} | {"projection_dim": 24}


def write_clip_text(model: transformers.CLIPModel) -> None:
    generator = torch.Generator().manual_seed(SEED)
    input_ids = torch.randint(1, 62, (3, 16), generator=generator)
    input_ids[:, 0] = 62
    # The end-of-text token is the largest id. Padding: 0 as OpenAI does, the end itself as Hugging
    # Face does, none.
    input_ids[0, 5], input_ids[0, 6:] = 63, 0
    input_ids[1, 9:] = 63
    input_ids[2, 15] = 63
    pooled = model.text_model(input_ids=input_ids).pooler_output
    weights = {
        k: v
        for k, v in published_weights(model).items()
        if k.startswith(("text_model.", "text_projection."))
    }
    results = {"input.input_ids": input_ids, "output.text_embeds": model.text_projection(pooled)}
    save("clip_text.safetensors", clip_sizes(model.config.text_config), weights | results)


def dense_embeds(model: transformers.CLIPModel, x: torch.Tensor) -> torch.Tensor:
    """CAT-Seg's dense CLIP features from the tokens `x` that enter the last block.

    The class token is dropped. In the last block attention is left out (each token's own value,
    through the output projection), and the residual added to every token is that of the class
    token.
    """
    block = model.vision_model.encoder.layers[-1]
    values = block.self_attn.out_proj(block.self_attn.v_proj(block.layer_norm1(x)))
    y = values + x[:, :1]
    y = y + block.mlp(block.layer_norm2(y))
    return model.visual_projection(model.vision_model.post_layernorm(y))[:, 1:]


def write_clip_vision(model: transformers.CLIPModel) -> None:
    pixel_values = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(SEED)).double()
    vision = model.vision_model(pixel_values=pixel_values, output_hidden_states=True)
    weights = {
        k: v
        for k, v in published_weights(model).items()
        if k.startswith(("vision_model.", "visual_projection."))
    }
    results = {
        "input.pixel_values": pixel_values,
        "output.image_embeds": model.visual_projection(vision.pooler_output),
        # One entry for each block's input, then the last block's output.
        "output.dense_embeds": dense_embeds(model, vision.hidden_states[-2]),
    }
    save("clip_vision.safetensors", clip_sizes(model.config.vision_config), weights | results)


def write_dino() -> None:
    # Epsilon 1e-6 is that of facebookresearch/dino (vision_transformer.py). facebook/dino-vitb16's
    # config.json says 1e-12.
    config = transformers.ViTConfig(
        hidden_size=32,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        hidden_act="gelu",
        qkv_bias=True,
        layer_norm_eps=1e-6,
    )
    config._attn_implementation = "eager"
    model = transformers.ViTModel(config, add_pooling_layer=False).double().eval()
    randomise(model)
    pixel_values = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(SEED)).double()
    keys = [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "image_size",
        "patch_size",
    ]
    sizes = {key: getattr(config, key) for key in [*keys, "hidden_act", "layer_norm_eps"]}
    last_hidden_state = model(pixel_values=pixel_values).last_hidden_state
    results = {"input.pixel_values": pixel_values, "output.last_hidden_state": last_hidden_state}
    save("dino_vit.safetensors", sizes, published_weights(model) | results)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    transformers.utils.logging.disable_progress_bar()
    FOLDER.mkdir(exist_ok=True)
    model = clip()
    write_clip_text(model)
    write_clip_vision(model)
    write_dino()


if __name__ == "__main__":
    main()
